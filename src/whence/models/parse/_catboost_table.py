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

    def text(self, level: Level) -> str:
        """Write a category as the library does before it takes the hash."""
        if isinstance(level, str):
            return level
        if float(level).is_integer():
            return str(int(level))  # of True and False too
        raise InputError(
            f"Column {self.name!r} holds {level}; CatBoost takes whole numbers and text as "
            "categories. Turn the column into text, for training too."
        )

    def code(self, level: Level) -> float:
        """Return the position of a category in the model's list, its length if not there."""
        text = self.text(level)
        if not self.size:  # no tree reads the feature
            return 0.0
        found: int = self.model._object._calc_cat_feature_perfect_hash(text, self.feature)  # noqa: SLF001  no public way without data
        return float(found)

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


def categories(
    model: object, parts: Sequence[Mapping[str, Any]], features: tuple[str, ...]
) -> tuple[Category, ...]:
    """Read the categorical features as the JSON form of the model lists them."""
    return tuple(
        Category(
            model=model,
            feature=part["feature_index"],
            column=part["flat_feature_index"],
            name=features[part["flat_feature_index"]],
            size=len(part.get("values") or ()),
        )
        for part in parts
    )


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
