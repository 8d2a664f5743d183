"""The colored text: true to the text, safe in a page and in a terminal, legible."""

import re
import sys
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plots.examples import credit, texts
from plots.kinds import reviews
from plots.test_legible import assert_legible, contrast
from whence import plots
from whence.core.errors import InputError
from whence.maskers.spans import words
from whence.plots.style import MINUS
from whence.plots.texts import TextPicture

REPLACED = "\N{REPLACEMENT CHARACTER}"
PAINT = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "</div><script>alert('x')</script> \"&amp; \x1b[31mred \x07 100$ \u202e😀"
ANY = st.text(max_size=40).filter(lambda text: bool(words(text)))


def colors(html: str) -> list[tuple[str, str]]:
    """Return ground and writing of each part."""
    return re.findall(r"background:(#\w{6});color:(#\w{6});border-radius", html)


def body(html: str) -> str:
    found = re.search(r"<p [^>]*>(.*)</p>", html, re.DOTALL)
    assert found is not None
    return unescape(re.sub(r"<[^>]*>", "", found[1]))


@given(ANY)
def test_the_text_is_written_as_it_stands_in_all_forms(text: str) -> None:
    picture = plots.text(reviews(text))
    clean = "".join(body(picture.html).split())

    written = "".join(text.split())
    assert len(clean) == len(written)
    assert all(a in (b, REPLACED) for a, b in zip(clean, written, strict=True))
    for form in (picture.ansi, picture.ansi256):
        assert clean in "".join(PAINT.sub("", form).split())


@given(ANY)
@example("a\ufffe \ud800\x1b[31m\x9b31m")
def test_nothing_in_a_text_breaks_a_page_or_steers_a_terminal(text: str) -> None:
    picture = plots.text(reviews(text))
    ET.fromstring(picture.html.encode("utf-8", "surrogatepass"))  # noqa: S314  our own
    for form in (PAINT.sub("", picture.ansi), PAINT.sub("", picture.ansi256), picture.plain):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", form)


def test_hostile_text_is_escaped() -> None:
    picture = plots.text(reviews(HOSTILE))
    assert "<script>" not in picture.html
    assert "\x1b[31m" not in picture.ansi
    assert "\x1b" not in picture.plain


def test_the_page_loads_nothing() -> None:
    assert not re.search(r"src=|href=|url\(|@import|<script", plots.text(reviews()).html)


def test_colors_tell_sign_and_size_and_the_writing_is_legible() -> None:
    ground = colors(plots.text(reviews("one two three four five six")).html)
    assert len(ground) == 6
    red_less_blue = [int(c[1:3], 16) - int(c[5:7], 16) for c, _ in ground]
    assert all((lean > 0) == (i % 2 == 0) for i, lean in enumerate(red_less_blue))
    assert sorted(map(abs, red_less_blue[::2])) == [abs(x) for x in red_less_blue[::2]]
    assert all(contrast(back, front) >= 4.4 for back, front in ground)


@pytest.mark.parametrize("words_", range(1, 40, 6))
def test_writing_is_legible_on_every_color(words_: int) -> None:
    page = plots.text(reviews(" ".join("w" * words_))).html
    assert all(contrast(back, front) >= 4.4 for back, front in colors(page))


def test_pointing_tells_the_number_and_its_interval() -> None:
    assert f'title="great,: {MINUS}0.200"' in plots.text(reviews()).html
    told = plots.text(reviews(stderr=True)).html
    assert f'title="great,: {MINUS}0.200 ± 0.098 (95% interval)"' in told


def test_plain_text_names_the_strong_parts() -> None:
    assert plots.text(reviews()[0]).plain == (
        f"positive: 0.450 (probability)\n[It's +0.100] [great, {MINUS}0.200] [really! +0.300]"
    )


def test_a_terminal_gets_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = plots.text(reviews())
    assert str(picture) == picture.plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert str(picture) == repr(picture) == picture.ansi
    monkeypatch.setenv("COLORTERM", "")
    assert str(picture) == picture.ansi256
    monkeypatch.setenv("NO_COLOR", "1")
    assert str(picture) == picture.plain


def test_a_row_of_several_is_named_and_said() -> None:
    picture = plots.text(reviews(), row=1)
    assert picture.plain.startswith("positive · row 1: ")
    assert "dull" in picture.plain
    assert "one of 2 rows" in picture.html
    assert plots.text(reviews(), "positive", row=-1).html == picture.html


def test_plot_chooses_it_and_a_waterfall_where_there_are_axes() -> None:
    assert isinstance(plots.plot(reviews()), TextPicture)
    ax = plots.waterfall(reviews()).figure.axes[0]
    assert plots.plot(reviews(), ax=ax) is ax


def test_other_pictures_of_one_row_name_the_words() -> None:
    for ax in (plots.waterfall(reviews()), plots.bar(reviews(), row=0), plots.bar(reviews()[0])):
        assert "great," in texts(ax)
        assert_legible(ax)
    assert "dull" in plots.force_html(reviews())


@pytest.mark.parametrize("picture", ["beeswarm", "bar", "violin", "heatmap", "decision"])
def test_words_of_many_texts_are_not_compared(picture: str) -> None:
    with pytest.raises(InputError, match=re.escape("e[i]")):
        getattr(plots, picture)(reviews())


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="table"):
        plots.text(credit())
