from whence.core.types import Bools, Floats, Int32s, Ints, Words

def isa(name: str) -> str: ...

class Forest:
    def __init__(
        self,
        start: Ints,
        feature: Int32s,
        threshold: Floats,
        left: Int32s,
        right: Int32s,
        missing_left: Bools,
        zero_missing: Bools,
        category_start: Ints,
        category_words: Words,
        value: Floats,
        cover: Floats,
        target: Int32s,
        base: Floats,
        player: Int32s,
        players: int,
    ) -> None: ...
    @property
    def columns(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def trees(self) -> int: ...
    @property
    def players(self) -> int: ...
