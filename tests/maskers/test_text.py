"""What a text masker leaves of a text."""

import re
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whence.core.errors import InputError
from whence.core.inputs import images_of, texts_of
from whence.core.types import Bools
from whence.maskers.scene import Scene
from whence.maskers.spans import sentences, words
from whence.maskers.text import TextMasker

TEXTS = st.text(
    st.one_of(st.sampled_from(" \n\t.,!?'-()ab😀界。é"), st.characters(codec="utf-8")), max_size=40
)


def opened(strings: list[str], masker: TextMasker | None = None) -> Scene:
    return (masker or TextMasker()).bind(None)(texts_of(strings), None)


def left(scene: Scene, known: Bools, row: int = 0) -> list[str]:
    """Return what is left of a row for each coalition."""
    masked = scene.mask(np.full(len(known), row), known)
    strings = masked.inputs.native
    assert isinstance(strings, list)
    assert len(set(strings)) == len(strings)
    assert masked.back is not None
    return [strings[i] for i in masked.back]


def spoken(text: str) -> bool:
    return bool(words(text))


@given(
    TEXTS.filter(spoken), st.sampled_from(["word", "sentence"]), st.sampled_from(["remove", "_"])
)
@example("It's great, really !", "word", "remove")
@example("  a\r\nb\u2028c  ", "word", "remove")
def test_a_text_of_which_all_is_known_is_itself(text: str, unit: str, hide: str) -> None:
    scene = opened([text], TextMasker(unit=unit, hide=hide))  # type: ignore[arg-type]
    assert left(scene, np.ones((1, *scene.shape), dtype=bool)) == [text]


@given(TEXTS.filter(spoken), st.sampled_from(["word", "sentence"]), st.data())
@settings(max_examples=200)
def test_the_known_parts_are_left_in_order_and_nothing_else(
    text: str, unit: str, data: st.DataObject
) -> None:
    scene = opened([text], TextMasker(unit=unit))  # type: ignore[arg-type]
    parts = scene.data.parts(0)  # type: ignore[attr-defined]
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts))))
    (made,) = left(scene, kept[None])

    shown = [part for part, own in zip(parts, kept, strict=True) if own]
    assert "".join(made.split()) == "".join("".join(shown).split())
    if not kept.all() and not kept[0]:
        assert made == made.lstrip()
    if not kept.any():
        assert made == ""


def naively_left(text: str, spans: list[tuple[int, int]], kept: Bools) -> str:
    """Take unknown parts out one by one; of the blanks that meet one run is left."""
    edges = [0, *(place for span in spans for place in span), len(text)]
    gaps = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    made = ""
    gap = gaps[0]
    for i, (first, last) in enumerate(spans):
        after = gaps[i + 1]
        if kept[i]:
            made, gap = made + gap + text[first:last], after
            continue
        left, right = gap.rstrip(), after.lstrip()
        met = [gap[len(left) :], after[: len(after) - len(right)]]
        lines = [blanks.count("\n") for blanks in met]
        own = met[0] if lines[0] > lines[1] or (lines[0] == lines[1] and met[0]) else met[1]
        gap = left + own + right
    made += gap
    made = made if kept[0] else made.lstrip()
    return made if kept[-1] else made.rstrip()


@given(
    TEXTS.filter(spoken).filter(lambda text: bool(re.search(r"\w", text))),
    st.sampled_from(["word", "sentence", "piece"]),
    st.integers(0, 99),
)
@settings(max_examples=200)
def test_removal_is_that_of_a_naive_loop(text: str, unit: str, seed: int) -> None:
    scene = opened([text], TextMasker(unit=pieces if unit == "piece" else unit))  # type: ignore[arg-type]
    known = np.random.default_rng(seed).random((8, *scene.shape)) < 0.5
    segments = scene.data.segments  # type: ignore[attr-defined]
    spans = [(int(a), int(b)) for a, b in segments[0]]

    assert left(scene, known) == [naively_left(text, spans, kept) for kept in known]


def test_many_coalitions_of_a_long_text_are_written_at_once() -> None:
    scene = opened([" ".join(f"word{i}" for i in range(1_000))])
    known = np.random.default_rng(0).random((256, 1_000)) < 0.5
    start = time.perf_counter()
    made = left(scene, known)
    assert time.perf_counter() - start < 0.5  # a fiftieth is usual
    assert made[0].split() == [f"word{i}" for i in np.flatnonzero(known[0])]


@given(TEXTS.filter(spoken))
def test_all_of_a_text_but_blanks_belongs_to_one_part(text: str) -> None:
    for divide in (words, sentences):
        owner = np.zeros(len(text), dtype=int)
        for first, last in divide(text):
            owner[first:last] += 1
        assert owner.max() == 1
        assert all(text[i].isspace() for i in np.flatnonzero(owner == 0))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ("110", "It's great,"),
        ("101", "It's really!"),
        ("011", "great, really!"),
        ("010", "great,"),
        ("001", "really!"),
        ("000", ""),
    ],
)
def test_removal_joins_cleanly(known: str, expected: str) -> None:
    kept = np.array([[c == "1" for c in known]])
    assert left(opened(["It's great, really!"]), kept) == [expected]


def test_one_blank_is_left_and_a_new_line_rather_than_a_space() -> None:
    scene = opened(["one  two \n three   four"])
    for known, expected in {
        "1011": "one\n three   four".replace("\n ", " \n "),
        "1001": "one \n four",
        "1101": "one  two \n four",
        "1110": "one  two \n three",
    }.items():
        (made,) = left(scene, np.array([[c == "1" for c in known]]))
        assert made == expected, known


def test_mask_tokens_stand_where_parts_were() -> None:
    scene = opened(["A fine film."], TextMasker(hide="[MASK]"))
    known = np.array([[True, False, True], [False, False, False]])
    assert left(scene, known) == ["A [MASK] film.", "[MASK] [MASK] [MASK]"]
    assert not scene.alike or len(scene.counts) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's great, really !", ["It's", "great,", "really !"]),
        ("- well ( said )", ["- well (", "said )"]),
        ("état-of-the-art naïve", ["état-of-the-art", "naïve"]),
        ("3.5 stars 😀😀 !!", ["3.5", "stars", "😀😀 !!"]),
        ("我爱北京。very 好", ["我", "爱", "北", "京。", "very", "好"]),
        ("शिक्षा אבג", ["शिक्षा", "אבג"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in words(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good. Bad!  So what?", ["Good.", "Bad!", "So what?"]),
        ('Dr. Who said "no." Then he left', ['Dr. Who said "no."', "Then he left"]),
        ("3.5 stars, e.g. here", ["3.5 stars, e.g. here"]),
        ("one line\nanother", ["one line", "another"]),
        ("很好。不错。", ["很好。", "不错。"]),
        ("wait ... what . . .", ["wait ...", "what . . ."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences(text)] == expected


def pieces(text: str) -> Iterable[tuple[int, int]]:
    """Return pieces of at most three letters, some with a blank before, some of no letter."""
    return [(m.start(), m.end()) for m in re.finditer(r" ?\w{1,3}|$", text)]


def test_a_users_tokenizer_divides_as_it_likes() -> None:
    scene = opened(["unbelievable film"], TextMasker(unit=pieces))
    assert scene.data.parts(0) == ("unb", "eli", "eva", "ble", "fil", "m")  # type: ignore[attr-defined]
    kept = np.array([[True, False, True, True, False, True]])
    assert left(scene, kept) == ["unbevable m"]


class FastTokenizer:
    """Answers as a fast tokenizer of transformers does; the two bytes of an é are two tokens."""

    is_fast = True

    def __call__(
        self, text: str, *, return_offsets_mapping: bool, add_special_tokens: bool
    ) -> dict[str, object]:
        """Return the numbers and places of the tokens."""
        assert return_offsets_mapping
        assert not add_special_tokens
        twice = [m.span() for m in re.finditer(r"\w", text) for _ in range(1 + (m[0] == "é"))]
        return {"input_ids": [0] * len(twice), "offset_mapping": twice}


def test_a_fast_tokenizer_says_where_its_tokens_stand() -> None:
    scene = opened(["né!"], TextMasker(unit=FastTokenizer()))
    assert scene.data.parts(0) == ("n", "é")  # type: ignore[attr-defined]
    assert left(scene, np.array([[False, True], [False, False]])) == ["é!", "!"]


def test_texts_of_unequal_length_are_padded() -> None:
    scene = opened(["a b c", "a", "b c"])
    segments = scene.data.segments  # type: ignore[attr-defined]

    assert scene.counts.tolist() == [3, 1, 2]
    assert scene.shape == (3,)
    assert segments.dtype == np.int32
    assert segments[1].tolist() == [[0, 1], [-1, -1], [-1, -1]]
    assert scene.data.parts(1) == ("a",)  # type: ignore[attr-defined]
    assert left(scene, np.array([[True, False, False]]), row=1) == ["a"]


def test_equal_texts_are_asked_for_once_also_of_different_rows() -> None:
    scene = opened(["a b", "b c"])
    known = np.array([[True, True], [False, True], [True, False], [False, False], [False, False]])
    masked = scene.mask(np.array([0, 0, 1, 0, 1]), known)

    assert masked.inputs.native == ["a b", "b", ""]
    assert masked.back is not None
    assert masked.back.tolist() == [0, 1, 1, 2, 2]


def test_empty_texts_are_alike_unless_mask_tokens_tell_their_length() -> None:
    assert opened(["a b", "c"]).alike
    assert not opened(["a b", "c"], TextMasker(hide="_")).alike
    assert opened(["a b", "c d"], TextMasker(hide="_")).alike


def test_a_text_without_words_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=re.escape("'?! ...'")):
        opened(["fine", "?! ..."])


class SlowTokenizer:
    """Does not say where its tokens stand."""

    is_fast = False

    def __call__(self, text: str) -> list[str]:
        """Return the tokens."""
        return text.split()


def failing(text: str) -> Iterable[tuple[int, int]]:
    """Fail half way."""
    yield 0, 1
    raise KeyError(text[2])


@pytest.mark.parametrize(
    ("masker", "said"),
    [
        (TextMasker(unit="letter"), "'letter'"),  # type: ignore[arg-type]
        (TextMasker(unit=SlowTokenizer()), "use_fast"),
        (TextMasker(unit=lambda _: [(0, 99)]), "(0, 99)"),
        (TextMasker(unit=lambda _: ["a"]), "'a'"),
        (TextMasker(unit=lambda _: [(2, 3), (0, 1)]), "order"),
        (TextMasker(unit=lambda _: []), "no parts"),
        (TextMasker(unit=lambda _: [(0, 3), (2, 5)]), "overlap"),
        (TextMasker(unit=lambda _: [(0, 1), (0, 1)]), "overlap"),
        (TextMasker(unit=lambda _: [(-1, 2)]), "(-1, 2)"),
        (TextMasker(unit=lambda _: [(0.5, 2)]), "(0.5, 2)"),
        (TextMasker(unit=lambda _: [(0, 1, 2)]), "(0, 1, 2)"),
        (TextMasker(unit=lambda _: None), "NoneType None"),
        (TextMasker(unit=lambda text: text), "str 'a b c'"),
        (TextMasker(unit=lambda _: ["12"]), "the string '12'"),
        (TextMasker(unit=str.split), "str.split returned the string 'a' for 'a b c'"),
        (TextMasker(unit=lambda text: text.index("z")), "raised ValueError: substring not found"),
        (TextMasker(unit=failing), "failing was asked to divide 'a b c' and raised KeyError: 'b'"),
        (TextMasker(hide=0), "hide is 0"),  # type: ignore[arg-type]
    ],
)
def test_wrong_settings_are_refused(masker: TextMasker, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        opened(["a b c"], masker)


def test_other_rows_than_texts_are_refused() -> None:
    with pytest.raises(InputError, match="images"):
        TextMasker().bind(None)(images_of(np.zeros((1, 4, 4, 3))), None)
