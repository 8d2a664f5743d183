"""One table for every number about a model or an explanation."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from whence.core.errors import InputError, MissingDependencyError
from whence.core.types import Floats, Ints

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """Measured numbers, one per line, with what is needed to read each.

    All fields have one entry per line.

    Attributes
    ----------
    name : tuple of str
        What was measured, such as "accuracy".
    value : array
        The number.
    low, high : arrays
        Bounds of its confidence interval; NaN where there is none.
    n : int array
        Number of rows it was measured on.
    group : tuple of str
        Part of the data; "all" for the whole.
    unit : tuple of str
    better : tuple of str
        "higher", "lower", "zero" or "none".
    method : tuple of str
        How it was computed.

    Examples
    --------
    >>> m = Measurement.of("accuracy", 0.9, n=50, unit="share", better="higher", method="counted")
    >>> m.name, m.value
    (('accuracy',), array([0.9]))
    """

    name: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    n: Ints
    group: tuple[str, ...]
    unit: tuple[str, ...]
    better: tuple[str, ...]
    method: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that all columns are of one length."""
        sizes = {f.name: len(getattr(self, f.name)) for f in fields(self)}
        if len(set(sizes.values())) > 1:
            raise InputError(f"The columns differ in length: {sizes}. Give one entry per line.")

    def __repr__(self) -> str:
        """Return a line per number, with its interval and how it was computed."""
        return "\n".join(["Measurement", *map(self._line, range(len(self)))])

    def _line(self, i: int) -> str:
        value, low, high = (float(a[i]) for a in (self.value, self.low, self.high))
        sure = "" if np.isnan(low + high) else f" ({low:.4g} to {high:.4g})"
        unit, group = (f" {text}" if text else "" for text in (self.unit[i], self.group[i]))
        how = f"; {self.method[i]}" if self.method[i] else ""
        return f"  {self.name[i]}{group * (group != ' all')}: {value:.4g}{unit}{sure}{how}"

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.name)

    @classmethod
    def of(
        cls,
        name: str,
        value: float,
        *,
        n: int,
        low: float = np.nan,
        high: float = np.nan,
        group: str = "all",
        unit: str = "",
        better: Literal["higher", "lower", "zero", "none"] = "none",
        method: str = "",
    ) -> Self:
        """Return one line."""
        return cls(
            name=(name,), value=np.array([value]), low=np.array([low]), high=np.array([high]),
            n=np.array([n]), group=(group,), unit=(unit,), better=(better,), method=(method,),
        )  # fmt: skip

    def __add__(self, other: Self) -> Self:
        """Return the lines of both, this one's first."""
        parts: dict[str, Any] = {}
        for f in fields(self):
            mine, yours = getattr(self, f.name), getattr(other, f.name)
            both = mine + yours if isinstance(mine, tuple) else np.concatenate([mine, yours])
            parts[f.name] = both
        return type(self)(**parts)

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas data frame, one line per number."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError.of("to_frame", "pandas", "cli") from error
        return pd.DataFrame({f.name: list(getattr(self, f.name)) for f in fields(self)})
