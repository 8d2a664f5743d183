"""A text divided into words, sentences or tokens, each given by its first and last character.

A word is what stands between blanks, and each Chinese or Japanese character. Punctuation is no
part of its own: it belongs to the word before it, and to the one after it at the start of a text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import index
from typing import Any, TypeAlias, cast
from unicodedata import category

from whence.core.errors import InputError

Span: TypeAlias = tuple[int, int]
Divider: TypeAlias = Callable[[str], Iterable[Span]]

_ALONE = (
    r"\u3001-\u303f\uff01-\uff0f\uff1a-\uff1f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
"""Chinese and Japanese characters and punctuation, which no blanks divide into words."""
_CHUNK = re.compile(rf"[{_ALONE}]|[^\s{_ALONE}]+")
_SENTENCE_END = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*|\n+"
)
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|No)|\b[A-Z])\.$")
_NEEDED = "the tokens' (first, last + 1), in characters of the text"
_SPOKEN = ("L", "M", "N", "S")
"""Letters, marks, numbers and symbols; what consists of anything else is punctuation."""


def words(text: str) -> list[Span]:
    """Return the words of a text, with the punctuation that belongs to them.

    Examples
    --------
    >>> [text[a:b] for text in ["It's great, really !"] for a, b in words(text)]
    ["It's", 'great,', 'really !']
    """
    return _with_punctuation(text, [found.span() for found in _CHUNK.finditer(text)])


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text; a new line ends one as a full stop does.

    Examples
    --------
    >>> [text[a:b] for text in ["Dr. No came. Why?"] for a, b in sentences(text)]
    ['Dr. No came.', 'Why?']
    """
    ends = [found.end() for found in _SENTENCE_END.finditer(text) if _ends(text, found.end())]
    starts = [0, *ends]
    spans = [_trimmed(text, a, b) for a, b in zip(starts, [*ends, len(text)], strict=True)]
    return _with_punctuation(text, [(a, b) for a, b in spans if a < b])


def tokens(text: str, divide: Divider, name: str, *, overlapping: bool = False) -> list[Span]:
    """Return what the user's own function divides a text into.

    Blanks around a token are no part of it, and empty tokens are left out.

    Parameters
    ----------
    text : str
    divide : callable
        Text -> (first, last + 1) of each token, in characters.
    name : str
        What errors call it.
    overlapping : bool
        Whether tokens that share a character, as the bytes of one do, are taken together.

    Raises
    ------
    InputError
        If it fails, or does not return pairs of places in the text, in order and apart.
    """
    spans: list[Span] = []
    for given in _called(text, divide, name):
        first, last = _trimmed(text, *_pair(given, text, name))
        if first >= last:
            continue
        before = spans[-1] if spans else (0, 0)
        if first < before[0]:
            raise InputError(
                f"{name} returned {(first, last)} after {before} for {text[:40]!r}. Give the "
                "tokens in their order in the text."
            )
        if first < before[1] and not overlapping:
            raise InputError(
                f"{name} returned {before} and {(first, last)} for {text[:40]!r}, which overlap. "
                "Give tokens that share no character; a fast tokenizer of Hugging Face itself "
                "may be given as unit."
            )
        if first < before[1]:
            spans[-1] = (before[0], max(last, before[1]))
        else:
            spans.append((first, last))
    return spans


def offsets(tokenizer: object) -> Divider:
    """Return the function from a text to its tokens of a fast tokenizer of Hugging Face.

    Raises
    ------
    InputError
        If it is a slow one, which does not say where its tokens stand.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"unit is {type(tokenizer).__name__}, a tokenizer that does not say where its tokens "
            "stand. Give its fast form: AutoTokenizer.from_pretrained(..., use_fast=True)."
        )

    def divide(text: str) -> Iterator[Span]:
        said = cast("Any", tokenizer)(text, return_offsets_mapping=True, add_special_tokens=False)
        yield from said["offset_mapping"]

    return divide


def _with_punctuation(text: str, spans: list[Span]) -> list[Span]:
    """Join what is punctuation alone to the part before it, or after it at the start."""
    whole: list[Span] = []
    start: int | None = None
    for first, last in spans:
        if any(category(c).startswith(_SPOKEN) for c in text[first:last]):
            whole.append((first if start is None else start, last))
            start = None
        elif whole:
            whole[-1] = (whole[-1][0], last)
        elif start is None:
            start = first
    return whole


def _ends(text: str, end: int) -> bool:
    """Whether a full stop ends a sentence and no abbreviation."""
    return _ABBREVIATION.search(text, max(0, end - 6), end) is None


def _trimmed(text: str, first: int, last: int) -> Span:
    part = text[first:last]
    return first + len(part) - len(part.lstrip()), last - len(part) + len(part.rstrip())


def _called(text: str, divide: Divider, name: str) -> list[object]:
    """Return what the user's function returns for a text."""
    try:
        given = divide(text)
        if not isinstance(given, (str, bytes, Mapping)) and isinstance(given, Iterable):
            return list(given)
    except Exception as error:  # the user's own code may raise anything
        raise InputError(
            f"{name} was asked to divide {text[:40]!r} and raised {type(error).__name__}: "
            f"{str(error)[:200]}. Give a function that takes one text and returns {_NEEDED}."
        ) from error
    raise InputError(
        f"{name} returned {type(given).__name__} {given!r:.60} for {text[:40]!r}. Return {_NEEDED}."
    )


def _pair(given: object, text: str, name: str) -> Span:
    if isinstance(given, (str, bytes)):
        raise InputError(
            f"{name} returned the string {given!r:.60} for {text[:40]!r}, not where it stands. "
            f"Return {_NEEDED}, such as [m.span() for m in re.finditer(r'\\S+', text)]."
        )
    try:
        first, last = (index(place) for place in cast("Any", given))
    except (TypeError, ValueError):
        first, last = -1, -1
    if not 0 <= first <= last <= len(text):
        raise InputError(
            f"{name} returned {given!r:.60} for {text[:40]!r}, of {len(text)} characters. Return "
            f"{_NEEDED}."
        )
    return first, last
