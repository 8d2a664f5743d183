"""Where labels below a bar go, so that no text lies on another text or on the line to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text on one of the lines below the bar, and the upright line at ``x`` that leads to it."""

    x: float
    left: float
    right: float
    level: int

    def apart(self, other: "Label") -> bool:
        """Whether the two texts do not lie on each other."""
        return self.level != other.level or self.right < other.left or other.right < self.left

    def clear_of(self, other: "Label") -> bool:
        """Whether neither text lies on the other label's text or upright line."""
        if self.level == other.level:
            return self.apart(other)
        upper, lower = sorted((self, other), key=lambda label: label.level)
        return not upper.left <= lower.x <= upper.right


def arrange(
    x: Sequence[float],
    width: Sequence[float],
    rightward: Sequence[bool],
    limits: tuple[float, float],
) -> list[Label]:
    """Place one label per point, each on the highest line that is free.

    Parameters
    ----------
    x, width : sequences of float
        Where each label points to, and how wide its text is.
    rightward : sequence of bool
        Whether the text of a label runs to the right of its line; points of one direction are
        given from the innermost to the outermost, so that texts run towards the ones before.
    limits : pair of float
        The texts stay within, where they fit.
    """
    placed: dict[int, Label] = {}
    waiting = [[i for i, right in enumerate(rightward) if right is side] for side in (True, False)]
    while any(waiting):
        heads = [group[0] for group in waiting if group]
        open_x = [x[i] for group in waiting for i in group]
        options = [(i, inward) for inward in (True, False) for i in heads]
        spans = [_span(x[i], width[i], right=rightward[i] is inward) for i, inward in options]
        good = [
            _fits(span, limits) and not _covers(span, open_x, x[i])
            for (i, _), span in zip(options, spans, strict=True)
        ]
        chosen = good.index(True) if any(good) else 0
        i, span = options[chosen][0], spans[chosen]
        if not _fits(span, limits):
            span = _span(x[i], width[i], right=x[i] - limits[0] < limits[1] - x[i])
        placed[i] = _drop(x[i], span, list(placed.values()))
        waiting = [[j for j in group if j != i] for group in waiting]
    return [placed[i] for i in range(len(x))]


def _span(x: float, width: float, *, right: bool) -> tuple[float, float]:
    return (x, x + width) if right else (x - width, x)


def _fits(span: tuple[float, float], limits: tuple[float, float]) -> bool:
    return limits[0] <= span[0] and span[1] <= limits[1]


def _covers(span: tuple[float, float], points: Sequence[float], own: float) -> bool:
    return any(span[0] <= point <= span[1] for point in points if point != own)


def _drop(x: float, span: tuple[float, float], placed: Sequence[Label]) -> Label:
    """Return the label on the highest line where it is clear of all others.

    Where the way down is barred on each of the lines in use, a new line below all is taken: there
    the upright line passes behind a text, and no text lies on another.
    """
    for level in count():
        label = Label(x=x, left=span[0], right=span[1], level=level)
        if all(label.clear_of(other) for other in placed):
            return label
        if all(other.level < level for other in placed):
            return label
    raise AssertionError
