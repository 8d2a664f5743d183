"""Unknown parts of a text: left out, or replaced by a mask token."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, compress, pairwise
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.inputs import Inputs, Texts
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.maskers.spans import Divider, Span, offsets, sentences, tokens, words
from whence.models.predict import Predict

Unit: TypeAlias = Literal["word", "sentence"] | Callable[..., object]

_CHARACTERS = 2_000_000
"""Characters of the texts that the model is asked about at a time."""
_UNITS = ("word", "sentence")
_REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextMasker:
    """Divides texts into words, sentences or tokens, and hides those that are not known.

    Attributes
    ----------
    unit : {"word", "sentence"}, tokenizer or callable
        "word": what stands between blanks, and each Chinese or Japanese character. "sentence":
        what ends with a full stop, a question or exclamation mark, or a line. Punctuation goes
        with the word before it. A fast tokenizer of Hugging Face divides into its tokens; a
        function divides as it likes: text -> (first, last + 1) of each part, in characters.
    hide : str
        "remove": unknown parts are left out, with no double blanks; of a text of which nothing is
        known, nothing is left but "", for which the model must have an answer. Any other string
        stands for each unknown part, such as the mask token of the model, "[MASK]".

    Notes
    -----
    A text of which all parts are known is the text itself, character by character. No random
    numbers are used. Coalitions that leave the same text are evaluated once.

    Examples
    --------
    >>> from whence.core.inputs import texts_of
    >>> scene = TextMasker().bind(None)(texts_of(["It's great, really!"]), None)
    >>> scene.data.parts(0)
    ("It's", 'great,', 'really!')
    >>> scene.mask(np.array([0]), np.array([[True, False, True]])).inputs.strings
    ("It's really!",)
    """

    unit: Unit = "word"
    hide: str = _REMOVE

    def bind(self, view: Predict | None) -> OpenScene:  # noqa: ARG002  any model will do
        """Check the settings and return what opens scenes.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        divide = self._divider()
        if not isinstance(self.hide, str):
            raise InputError(
                f"hide is {self.hide!r:.60}. Give 'remove', or the text that stands for an unknown "
                "part, such as '[MASK]'."
            )

        def open_scene(inputs: Inputs, rng: Generator | None) -> Scene:  # noqa: ARG001  draws nothing
            if not isinstance(inputs, Texts):
                raise InputError(
                    f"X holds {type(inputs).__name__.lower()} and TextMasker hides parts of texts. "
                    "Give a list of strings, or a masker of the kind of X."
                )
            spans = [_spans(text, divide) for text in inputs.strings]
            counts = np.array([len(own) for own in spans])
            cover = None if self.hide == _REMOVE else self.hide
            pieces = tuple(
                _pieces(text, own, cover) for text, own in zip(inputs.strings, spans, strict=True)
            )
            nobody = {
                own.write(np.zeros((1, count), dtype=bool))[0]
                for own, count in zip(pieces, counts, strict=True)
            }
            return _Parts(
                data=inputs.divided(_padded(spans, int(counts.max()))),
                pieces=pieces,
                counts=counts,
                alike=len(nobody) == 1,
            )

        return open_scene

    def _divider(self) -> Divider:
        if isinstance(self.unit, str) and self.unit in _UNITS:
            return words if self.unit == "word" else sentences
        if not callable(self.unit):
            raise InputError(
                f"unit is {self.unit!r:.60}. Give 'word', 'sentence', a fast tokenizer of Hugging "
                "Face, or a function from a text to (first, last + 1) of each part."
            )
        fast = hasattr(self.unit, "is_fast")
        given = offsets(self.unit) if fast else cast("Divider", self.unit)
        name = f"The tokenizer {getattr(self.unit, '__qualname__', type(self.unit).__name__)}"
        return lambda text: tokens(text, given, name, overlapping=fast)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """Texts, divided.

    Attributes
    ----------
    pieces : tuple of _Pieces
        What each text is written of.
    """

    data: Texts
    pieces: tuple["_Pieces", ...]
    counts: Ints
    alike: bool

    copies = 1
    names = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self.counts.max()),)

    @property
    def batch(self) -> int:
        return max(1, _CHARACTERS // max(map(len, self.data.strings)))

    def mask(self, row: Ints, known: Bools, u: Floats | None = None) -> Masked:  # noqa: ARG002  a single copy
        texts = np.empty(len(row), dtype=object)
        for which in np.unique(row):
            own = np.flatnonzero(row == which)
            texts[own] = self._written(int(which), known[own])
        place: dict[str, int] = {}
        back = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.int64)
        return Masked(inputs=self.data.like(list(place)), back=back)

    def _written(self, which: int, known: Bools) -> list[str]:
        """Write one text for each coalition, equal coalitions once."""
        known = known[:, : self.counts[which]]
        seen: dict[bytes, int] = {}
        back = [seen.setdefault(bits.tobytes(), i) for i, bits in enumerate(np.packbits(known, 1))]
        first = list(seen.values())
        made = dict(zip(first, self.pieces[which].write(known[first]), strict=True))
        return [made[i] for i in back]


def _spans(text: str, divide: Divider) -> list[Span]:
    spans = list(divide(text))
    if not spans:
        raise InputError(
            f"The text {text[:60]!r} has no parts that could be hidden, such as words. Drop such "
            "texts first, or give TextMasker(unit=...) a function that divides them."
        )
    return spans


def _padded(spans: list[list[Span]], width: int) -> Int32s:
    segments = np.full((len(spans), width, 2), -1, dtype=np.int32)
    for own, line in zip(spans, segments, strict=True):
        line[: len(own)] = own
    return segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pieces:
    """A text cut once and for all, so that what is left of it is a choice of strings to join.

    Attributes
    ----------
    strings : tuple of str
        Blanks and what stands between them by turns, blanks first and last; where a cover stands
        for unknown parts, each part with what is before it and the cover so by turns.
    part : int array of shape (things between blanks,)
        Part that each is; -1 for what belongs to none and is always left.
    rank : int array of shape (things between blanks + 1,)
        Of blanks that meet, those of the highest rank are left.
    covered : bool
    """

    strings: tuple[str, ...]
    part: Ints
    rank: Ints
    covered: bool

    def write(self, known: Bools) -> list[str]:
        """Return what is left for each coalition, (coalitions, parts)."""
        use = np.ones((len(known), len(self.strings)), dtype=np.uint8)
        if self.covered:
            use[:, 0:-1:2], use[:, 1::2] = known, ~known
            return [self._joined(line.tobytes()) for line in use]
        left = use[:, 1::2] = known[:, self.part] | (self.part < 0)
        use[:, ::2] = self._blanks(np.asarray(left, dtype=bool))
        texts = [self._joined(line.tobytes()) for line in use]
        # Blanks at an end are the text's own only as long as the part at that end is known.
        for i in np.flatnonzero(~known[:, 0]):
            texts[i] = texts[i].lstrip()
        for i in np.flatnonzero(~known[:, -1]):
            texts[i] = texts[i].rstrip()
        return texts

    def _joined(self, use: bytes) -> str:
        return "".join(compress(self.strings, use))

    def _blanks(self, left: Bools) -> Bools:
        """Choose the blanks of highest rank of those between two neighbors that are left."""
        count, width = len(left), len(self.rank)
        starts = np.ones((count, width), dtype=bool)
        starts[:, 1:] = left
        start = np.flatnonzero(starts)
        best = np.maximum.reduceat(np.tile(self.rank, count), start)
        use = np.zeros(count * width, dtype=bool)
        use[start - start % width + (width - 1 - best % width)] = True
        return use.reshape(count, width)


def _pieces(text: str, spans: list[Span], cover: str | None) -> _Pieces:
    edges = [0, *chain.from_iterable(spans), len(text)]
    cut = [text[a:b] for a, b in pairwise(edges)]
    gaps, parts = cut[::2], cut[1::2]
    if cover is not None:
        covered = [
            gap + one for gap, part in zip(gaps, parts, strict=False) for one in (part, cover)
        ]
        return _Pieces(
            strings=(*covered, gaps[-1]),
            part=np.arange(len(parts)),
            rank=np.zeros(0, dtype=np.int64),
            covered=True,
        )
    strings: list[str] = []
    part: list[int] = []
    for i, gap in enumerate(gaps):
        inner = gap.strip()
        if inner:  # such as punctuation that is no part: blanks meet at both of its sides
            strings += [gap[: len(gap) - len(gap.lstrip())], inner, gap[len(gap.rstrip()) :]]
            part.append(-1)
        else:
            strings.append(gap)
        if i < len(parts):
            strings.append(parts[i])
            part.append(i)
    rank = _ranks(strings[::2])
    return _Pieces(strings=tuple(strings), part=np.array(part), rank=rank, covered=False)


def _ranks(blanks: list[str]) -> Ints:
    """Rank blanks by their new lines, then any before none, then in their order."""
    order = np.array([2 * own.count("\n") + (own != "") for own in blanks])
    return np.asarray(order * len(blanks) + np.arange(len(blanks))[::-1])
