"""Pictures as text inside a page, and as files beside it."""

import base64
import io
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_DPI: Final = 150
_LARGE: Final = 300_000
"""Bytes beyond which a drawing goes into the page as pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """One picture.

    Attributes
    ----------
    name : str
        Stem of its file, and prefix of the identifiers inside it.
    alt : str
        What it shows, for those who do not see it.
    caption : str
        What stands below it.
    svg : str
        The drawing.
    drawn : matplotlib Figure
        What it was drawn from.
    """

    name: str
    alt: str
    caption: str
    svg: str
    drawn: "Canvas"

    def png(self) -> bytes:
        """Return the picture as pixels."""
        return _render(self.drawn, "png")

    def inline(self) -> str:
        """Return HTML that holds the picture itself, as drawing or, where it is large, pixels."""
        if len(self.svg) > _LARGE:
            code = base64.b64encode(self.png()).decode()
            return f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{code}">'
        return _inline_svg(self.svg, self.name, self.alt)

    def save(self, folder: Path) -> None:
        """Write both forms into ``folder``."""
        (folder / f"{self.name}.svg").write_text(self.svg, encoding="utf-8")
        (folder / f"{self.name}.png").write_bytes(self.png())


def figure(
    ax: "Axes", *, name: str, alt: str, caption: str, size: tuple[float, float] | None = None
) -> Figure:
    """Render axes; equal pictures give equal bytes.

    Parameters
    ----------
    ax : Axes
        Axes of a figure of their own.
    name, alt, caption : str
        See `Figure`.
    size : tuple of float or None
        Width and height in inches, where the figure's own do not suit its place.
    """
    drawn = cast("Canvas", ax.get_figure(root=True))
    if size is not None:
        drawn.set_size_inches(*size)
    svg = _stable_ids(_render(drawn, "svg").decode(), name)
    drawn.set_layout_engine("none")  # it is laid out by now, and pixels need not do that again
    return Figure(name=name, alt=alt, caption=caption, svg=svg, drawn=drawn)


def _render(drawn: "Canvas", form: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    drawn.savefig(buffer, format=form, dpi=_DPI, bbox_inches="tight", metadata=metadata)
    return buffer.getvalue()


def _stable_ids(svg: str, prefix: str) -> str:
    """Give the identifiers numbers, unique in a page and the same each time; drop comments."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    names: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        names.setdefault(found, f"{prefix}-{len(names)}")
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{names[m[1]]}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names.get(m[1], m[1])})", svg)
    return re.sub(r'href="#([^"]+)"', lambda m: f'href="#{names.get(m[1], m[1])}"', svg)


def _inline_svg(svg: str, name: str, alt: str) -> str:
    """Cut a drawing down to what a page needs: no prolog, metadata, or style of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    opening = svg[: svg.index(">")]
    shape = re.search(r'viewBox="([^"]+)"', opening)
    width = re.search(r'width="([\d.]+)', opening)
    box = f' viewBox="{shape[1]}"' if shape else ""
    size = f' style="width:{float(width[1]) * 4 / 3:.0f}px"' if width else ""
    look = 'stroke-linejoin="round" stroke-linecap="butt"'  # what the style sheet in it said
    label = f'role="img" aria-labelledby="{name}-title" {look}'
    title = f'<title id="{name}-title">{escape(alt)}</title>'
    return f"<svg {label}{box}{size}>{title}{svg[svg.index('>') + 1 :]}"
