"""Unknown parts of a text: left out, or replaced by a mask token."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.inputs import Inputs, Texts
from whence.core.types import Bools, Floats, Int32s, Ints
from whence.maskers.scene import Masked, OpenScene, Scene
from whence.maskers.spans import Divider, Span, offsets, sentences, tokens, words
from whence.models.predict import Predict

Unit: TypeAlias = Literal["word", "sentence"] | Callable[..., object]

_CHARACTERS = 16_000_000
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
            nobody = {
                _join(text, own, [False] * len(own), cover)
                for text, own in zip(inputs.strings, spans, strict=True)
            }
            return _Parts(
                data=inputs.divided(_padded(spans, int(counts.max()))),
                spans=tuple(spans),
                counts=counts,
                cover=cover,
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
        given = offsets(self.unit) if hasattr(self.unit, "is_fast") else self.unit
        return lambda text: tokens(text, given)  # type: ignore[arg-type]  # what it returns is checked


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """Texts, divided.

    Attributes
    ----------
    spans : tuple of lists of pairs
        First character of each part, and the one after its last.
    cover : str or None
        What stands for an unknown part; None leaves it out.
    """

    data: Texts
    spans: tuple[list[Span], ...]
    counts: Ints
    cover: str | None
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
        place: dict[str, int] = {}
        back = np.empty(len(row), dtype=np.int64)
        for i, (which, own) in enumerate(zip(row.tolist(), known.tolist(), strict=True)):
            text = _join(self.data.strings[which], self.spans[which], own, self.cover)
            back[i] = place.setdefault(text, len(place))
        return Masked(inputs=self.data.like(list(place)), back=back)


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


def _join(text: str, spans: list[Span], known: list[bool], cover: str | None) -> str:
    """Write what is known of a text; ``known`` may be longer than ``spans``."""
    shown = known[: len(spans)]
    if all(shown):
        return text
    first, last = text[: spans[0][0]], text[spans[-1][1] :]
    gaps = [text[a:b] for (_, a), (b, _) in pairwise(spans)]
    parts = [text[a:b] if own else cover for (a, b), own in zip(spans, shown, strict=True)]
    if cover is not None:
        between = (f"{gap}{part}" for gap, part in zip([first, *gaps], parts, strict=True))
        return "".join([*between, last])
    return _without(parts, [first, *gaps, last])


def _without(parts: list[str | None], gaps: list[str]) -> str:
    """Join parts, of which some are left out, by the gaps around them.

    Where parts are left out between two others, one of the blanks around them is left, a new line
    rather than a space; at both ends none.
    """
    out: list[str] = []
    gap, cut = gaps[0], False
    for part, after in zip(parts, gaps[1:], strict=True):
        if part is None:
            gap, cut = _glued(gap, after), True
            continue
        out += [gap.lstrip() if cut and not out else gap, part]
        gap, cut = after, False
    out.append(gap.rstrip() if cut else gap)
    return "".join(out) if len(out) > 1 else gap.strip()


def _glued(before: str, after: str) -> str:
    """Join two gaps, of whose blanks one run is left where they meet."""
    left, right = before.rstrip(), after.lstrip()
    blanks = max(before[len(left) :], after[: len(after) - len(right)], key=_rank)
    return left + blanks + right


def _rank(blanks: str) -> tuple[int, int]:
    return blanks.count("\n"), min(len(blanks), 1)
