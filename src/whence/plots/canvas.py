"""Axes that a notebook shows when they are the last line of a cell."""

from io import BytesIO
from typing import TypeAlias

from matplotlib.axes import Axes

Png: TypeAlias = tuple[bytes, dict[str, int]]

DPI = 200
SCREEN = 100


class Picture(Axes):
    """Axes of a figure that pyplot does not know of, so that nothing is left behind to close."""

    def _repr_png_(self) -> Png:
        figure = self.get_figure(root=True)
        if figure is None:
            return b"", {}
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight")
        raw = buffer.getvalue()
        size = (int.from_bytes(raw[start : start + 4], "big") for start in (16, 20))
        width, height = (pixels * SCREEN // DPI for pixels in size)
        return raw, {"width": width, "height": height}
