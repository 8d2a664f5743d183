"""The user's table as a CatBoost model reads it: categories by hash, everything else by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.table import Table
from whence.core.types import Floats, Level
from whence.models.parse.common import check_columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Category:
    """One categorical feature: which of the model's values a category of the user is."""

    model: Any
    feature: int
    column: int
    name: str
    size: int
    boolean: bool

    def text(self, level: Level) -> str:
        """Write a category as the library does before it takes the hash."""
        if isinstance(level, (str, bool)):
            return str(level)
        if self.boolean and level in (0, 1):  # a table keeps True and False as numbers
            return str(bool(level))
        if float(level).is_integer():
            return str(int(level))
        raise InputError(
            f"Column {self.name!r} holds {level}; CatBoost takes whole numbers and text as "
            "categories. Turn the column into text, for training too."
        )

    def code(self, level: Level) -> float:
        """Return the position of a category in the model's list, its length if not there."""
        if not self.size:
            return 0.0
        return float(_position(self.model, self.text(level), self.feature))

    def codes(self, table: Table) -> Floats:
        """Return the codes of one column."""
        numbers, levels = table.numbers[:, self.column], table.levels[self.column]
        if np.isnan(numbers).any():
            raise InputError(
                f"Column {self.name!r} has missing values; CatBoost takes none in a category. "
                "Turn them into text such as 'missing', for training too."
            )
        present, place = np.unique(numbers, return_inverse=True)
        known = present.tolist() if levels is None else [levels[int(code)] for code in present]
        return np.array([self.code(level) for level in known])[place]


def _position(model: Any, text: str, feature: int) -> int:  # noqa: ANN401  the user's model
    """Ask the library which of the model's values has the hash of a text."""
    found: int = model._object._calc_cat_feature_perfect_hash(text, feature)  # noqa: SLF001  no public way without data
    return found


def categories(
    model: object, parts: Sequence[Mapping[str, Any]], features: tuple[str, ...]
) -> tuple[Category, ...]:
    """Read the categorical features as the JSON form of the model lists them."""
    found = []
    for part in parts:
        size = len(part.get("values") or ())
        feature, column = part["feature_index"], part["flat_feature_index"]
        boolean = size > 0 and min(_position(model, str(b), feature) for b in (True, False)) < size
        found.append(
            Category(
                model=model, feature=feature, column=column, name=features[column], size=size,
                boolean=boolean,
            )
        )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encode:
    """Turns a table into the numbers that the trees read."""

    features: tuple[str, ...]
    named: bool
    categories: tuple[Category, ...]

    def __call__(self, table: Table) -> Floats:
        check_columns(table, self.features, named=self.named)
        X = np.array(table.numbers)
        categorical = {category.column for category in self.categories}
        for j, levels in enumerate(table.levels):
            if levels is not None and j not in categorical:
                X[:, j] = _numbers(self.features[j], X[:, j], levels)
        for category in self.categories:
            X[:, category.column] = category.codes(table)
        return X

    def rows(self, table: Table) -> NDArray[np.object_]:
        """Write a table anew as CatBoost reads it."""
        out: NDArray[np.object_] = self(table).astype(object)
        for category in self.categories:
            codes, levels = table.numbers[:, category.column], table.levels[category.column]
            for code in np.unique(codes).tolist():
                level = code if levels is None else levels[int(code)]
                out[codes == code, category.column] = category.text(level)
        return out


def _numbers(name: str, codes: Floats, levels: Sequence[Level]) -> Floats:
    """Read categories of a numeric feature as the numbers they spell, as the library does."""
    try:
        spelled = [float(level) for level in levels]
    except ValueError as error:
        raise InputError(
            f"Column {name!r} holds text, and the CatBoost model reads it as a number: {error}. "
            "Hand in numbers, or train with the column among cat_features."
        ) from error
    return np.array([*spelled, np.nan])[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
