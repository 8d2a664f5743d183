"""Shuffles of a column that keep what the other columns tell about it.

A column of numbers is predicted from the others by a ridge regression; what it leaves unexplained
is shuffled and added to the predictions (conditional feature importance, Chamma, Engemann & Thirion
2023, arXiv:2309.07593). Of categories, and of whether a value is missing, the probabilities are
predicted, by a ridge regression of their indicators, and categories drawn. Only linear dependence
is accounted for. Every new value is the nearest that the column holds, so it stays plausible, of
the right type, and is told by the number of a row that holds it.
"""

from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Bools, Floats, Ints

_MOST = 30
"""Levels of a column of categories that have an indicator of their own."""
_PENALTIES = 10.0 ** np.arange(-6, 3)
"""Ridge penalties, per row, that are compared by generalized cross-validation."""
_LEAST = 1e-3
"""Predicted probability of a category at least, before they are made to sum to one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dependence:
    """Rows as numbers that predict a column.

    Attributes
    ----------
    numbers : array of shape (rows, columns)
        Numbers, and codes of categories; NaN is missing.
    categories : bool array of shape (columns,)
    design : array of shape (rows, parts)
        Standardized numbers and indicators, of mean zero.
    owner : int array of shape (parts,)
        The column that each part was made of.
    """

    numbers: Floats
    categories: Bools
    design: Floats
    owner: Ints

    def sources(
        self, columns: Ints, donors: Ints, uniforms: Floats, names: tuple[str, ...]
    ) -> list[Ints]:
        """Return the rows whose values columns take, for each an array like ``donors``.

        Parameters
        ----------
        columns : int array
            Columns that are shuffled jointly.
        donors : int array of shape (shuffles, rows)
            Whose unexplained rest each row gets.
        uniforms : array of shape (shuffles, rows)
            What categories are drawn by.
        names : tuple of str
            Names of all columns.

        Raises
        ------
        InputError
            If several columns are shuffled jointly and one of them has categories or missing
            values.
        """
        others = self.design[:, ~np.isin(self.owner, columns)]
        if len(columns) == 1:
            return [self._one(int(columns[0]), others, donors, uniforms)]
        doubtful = self.categories[columns] | np.isnan(self.numbers[:, columns]).any(axis=0)
        if doubtful.any():
            raise InputError(
                f"conditional is True, and a group holds column {names[columns[doubtful][0]]!r}, "
                "which has categories or missing values. What several columns leave unexplained "
                "is shuffled jointly for complete numbers alone. Leave that column out of the "
                "group, or conditional=False."
            )
        return [self._number(self.numbers[:, j], others, donors) for j in columns]

    def _one(self, column: int, others: Floats, donors: Ints, uniforms: Floats) -> Ints:
        x = self.numbers[:, column]
        missing = np.isnan(x)
        if self.categories[column]:
            return _drawn(np.where(missing, -1.0, x), others, uniforms)
        if not missing.any():
            return self._number(x, others, donors)
        if missing.all():
            return donors
        gaps = _drawn(missing.astype(np.float64), others, uniforms)
        known = np.flatnonzero(~missing)
        lending = np.where(missing[donors], known[donors % len(known)], donors)
        found = self._number(x, others, lending)
        return np.where(missing[gaps], gaps, found)

    @staticmethod
    def _number(x: Floats, others: Floats, donors: Ints) -> Ints:
        known = np.flatnonzero(~np.isnan(x))
        expected = _ridge(others, known, x[known, None])[:, 0]
        rest = x - expected
        rows = known[np.argsort(x[known], kind="stable")]
        ascending = x[rows]
        middle = (ascending[1:] + ascending[:-1]) / 2
        return np.asarray(rows[np.searchsorted(middle, expected + rest[donors])])


def dependence_of(numbers: Floats, levels: list[int]) -> Dependence:
    """Return what is needed to tell columns from the others.

    Parameters
    ----------
    numbers : array of shape (rows, columns)
        Numbers, and codes of categories; NaN is missing.
    levels : list of int
        Categories of each column, 0 for a column of numbers.

    Examples
    --------
    >>> x = np.arange(50.0)
    >>> dependence = dependence_of(np.column_stack([x, 2 * x]), [0, 0])
    >>> donors = np.roll(np.arange(50), 1)[None]
    >>> source = dependence.sources(np.array([0]), donors, donors / 50, ("a", "b"))[0]
    >>> int(np.abs(source - np.arange(50)).max())  # nothing is left to be shuffled
    0
    """
    parts, owner = [], []
    for j, (x, count) in enumerate(zip(numbers.T, levels, strict=True)):
        made = _indicators(x, count) if count else _standardized(x)
        made = made[:, made.std(axis=0) > 0]
        parts.append(made - made.mean(axis=0))
        owner += [j] * made.shape[1]
    return Dependence(
        numbers=numbers,
        categories=np.array(levels) > 0,
        design=np.concatenate(parts, axis=1),
        owner=np.array(owner, dtype=np.int64),
    )


def _indicators(codes: Floats, count: int) -> Floats:
    number = np.where(np.isnan(codes), count, codes).astype(np.int64)
    often = np.argsort(-np.bincount(number, minlength=count + 1), kind="stable")[:_MOST]
    return np.asarray(number[:, None] == often, dtype=np.float64)


def _standardized(x: Floats) -> Floats:
    missing = np.isnan(x)
    if missing.all():
        return np.zeros((len(x), 0))
    filled = np.where(missing, x[~missing].mean(), x)
    spread = filled.std()
    scaled = (filled - filled.mean()) / (spread if spread > 0 else 1.0)
    return np.column_stack([scaled, missing.astype(np.float64)])


def _ridge(design: Floats, known: Ints, targets: Floats) -> Floats:
    """Return what a ridge regression on known rows predicts for all, (rows, targets)."""
    if not design.shape[1]:
        return np.broadcast_to(targets.mean(axis=0), (len(design), targets.shape[1]))
    inner = design[known]
    center, middle = inner.mean(axis=0), targets.mean(axis=0)
    inner, goal = inner - center, targets - middle
    m = len(inner)
    scale, turn = np.linalg.eigh(inner.T @ inner / m)
    scale = np.maximum(scale, 0.0)
    along = turn.T @ (inner.T @ goal) / m
    shrunk = scale[:, None] + _PENALTIES
    freedom = 1 + (scale[:, None] / shrunk).sum(axis=0)
    energy = along**2
    fitted = np.einsum("qt,ql->tl", energy, (2 * shrunk - scale[:, None]) / shrunk**2)
    left = np.maximum((goal**2).mean(axis=0)[:, None] - fitted, 0.0)
    with np.errstate(divide="ignore"):
        score = np.where(
            freedom < m, left.sum(axis=0) / np.maximum(1 - freedom / m, 0.0) ** 2, np.inf
        )
    best = int(np.argmin(score)) if np.isfinite(score).any() else len(_PENALTIES) - 1
    weights = turn @ (along / shrunk[:, [best]])
    return np.asarray(middle + (design - center) @ weights)


def _drawn(codes: Floats, others: Floats, uniforms: Floats) -> Ints:
    """Return for each uniform number a row that holds the category drawn by it."""
    _, first, number = np.unique(codes, return_index=True, return_inverse=True)
    every = np.arange(len(codes))
    expected = _ridge(others, every, (number[:, None] == np.arange(len(first))).astype(np.float64))
    upper = np.cumsum(np.maximum(expected, _LEAST), axis=1)
    upper /= upper[:, -1:]
    chosen = [(upper[:, :-1] <= u[:, None]).sum(axis=1) for u in uniforms]
    return np.asarray(first[np.stack(chosen)])
