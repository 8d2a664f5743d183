"""The coefficients of a linear model, in units that can be compared, with standard errors.

A coefficient times the standard deviation of its column is how far the raw output moves with that
column as far as the column moves in the data: coefficients of columns in any units are then in the
unit of the output.

The standard errors come from the rows the model was fitted to (`whence.kernels.glm`). Whether it
was fitted to them, and with what ridge, is seen from the coefficients themselves; where they are no
such fit, none are given, and refits of resampled rows are the way to get them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.edit import edited
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats
from whence.kernels.glm import Family, Spread, spread
from whence.models.linear import Linear
from whence.models.views import view_of

_FAMILIES: dict[str, Family] = {
    "prediction": "gaussian", "log-odds": "logistic", "log of the prediction": "poisson",
}  # fmt: skip
_MOST = 2_000
"""Coefficients of a model of several classes, whose Hessian is of their number squared."""
_DISTINCT = 50
"""Numbers of a column that are tried out as categories."""
_FEWEST = 10
_BINARY = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearCoefficients:
    """The coefficients of a linear or logistic model with standard errors, as one row "all".

    Give the rows and the truth that the model was fitted to: ``wh.explain(model, X_train,
    LinearCoefficients(), y=y_train)``. There is one value per column that the model reads, so one
    for each category of a one-hot encoded column ("job = clerk").

    Attributes
    ----------
    standardize : bool
        Whether a coefficient is multiplied by the standard deviation of its column: how far the
        raw output moves with it. False: per unit of the column as the model reads it.
    fit : callable or None
        ``(X, y) -> fitted model``, such as ``lambda X, y: clone(model).fit(X, y)``. Then the
        standard errors are standard deviations over fits to resampled rows, with all that the fit
        does, its choices and its penalty. None: from the Hessian of the loss.
    resamples : int
        How many such fits, 10 at least.

    Notes
    -----
    An interval of 95 % is ``values`` plus and minus 1.96 ``stderr``. Without ``fit`` it holds for
    least squares, logistic regression of two or more classes and Poisson regression. With a ridge
    (`Ridge`, `LogisticRegression` by default) it is the interval of the penalized coefficients,
    which are drawn to zero: true ones may be outside. For an L1 penalty or a support vector machine
    there is no ``stderr``, and ``provenance.warnings`` says so. The standard deviations of the
    columns are taken as given.

    ``base_values`` is what the model says about the mean row, ``outputs`` about one that is a
    standard deviation (or a unit) above it in every column.

    References
    ----------
    McCullagh and Nelder, doi:10.1201/9780203753736. Efron, doi:10.1214/aos/1176344552 (bootstrap).

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.array([[0.0, 0.0], [0.0, 10.0], [2.0, 0.0], [2.0, 10.0], [1.0, 5.0]])
    >>> y = np.array([0.0, 1.0, 2.2, 2.8, 1.5])
    >>> model = LinearRegression().fit(X, y)
    >>> e = wh.explain(model, X, LinearCoefficients(), y=y)
    >>> e.values[0, :, 0].round(3), e.stderr[0, :, 0].round(3)
    (array([0.894, 0.358]), array([0.063, 0.063]))
    """

    standardize: bool = True
    fit: Callable[[Any, Any], object] | None = None
    resamples: int = 100

    needs: ClassVar[type] = Linear
    references: ClassVar[tuple[str, ...]] = ("10.1201/9780203753736", "10.1214/aos/1176344552")
    whole: ClassVar[bool] = True

    def bind(self, view: Linear) -> Explain[Attribution]:
        """Check the settings and return the function that gives the coefficients.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        if self.fit is not None and not callable(self.fit):
            raise InputError(
                f"fit is {self.fit!r:.60}. A function (X, y) -> fitted model is needed, or None."
            )
        if not isinstance(self.resamples, int) or self.resamples < _FEWEST:
            raise InputError(
                f"resamples is {self.resamples!r}. A whole number from {_FEWEST} is needed."
            )

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            return _explained(self, view, rows, rng)

        return explain


def _explained(method: LinearCoefficients, view: Linear, rows: Rows, rng: Generator) -> Attribution:
    table = rows.given()
    if not isinstance(table, Table):
        raise TypeError(table)
    X = rows.X
    still = X.max(axis=0) == X.min(axis=0)  # the standard deviation of such may be some rounding
    scale = np.where(still, 0.0, X.std(axis=0)) if method.standardize else np.ones(X.shape[1])
    values = view.coefficients * scale[:, None]
    stderr, warnings = _stderr(method, view, rows, table, rng)
    base = view.raw(X.mean(axis=0)[None])
    constant = tuple(np.flatnonzero(still))
    names = _names(view, table)
    if constant and method.standardize:
        listed = ", ".join(repr(names[j]) for j in constant[:5])
        warnings = (
            *warnings,
            f"Constant in these rows, so their values are zero: {listed} ({len(constant)} in all).",
        )
    return Attribution(
        values=values[None],
        base_values=base,
        outputs=base + values.sum(axis=0),
        stderr=None if stderr is None else (stderr * scale[:, None])[None],
        names=Names(features=names, outputs=view.outputs, rows=("all",)),
        provenance=Provenance(warnings=warnings),
    )


def _stderr(
    method: LinearCoefficients, view: Linear, rows: Rows, table: Table, rng: Generator
) -> tuple[Floats | None, tuple[str, ...]]:
    """Return the standard errors of the coefficients, or why there are none."""
    if rows.labels is None and rows.targets is None:
        return None, (
            (
                "No standard errors: y was not given. Give what the model was fitted to: "
                "wh.explain(model, X_train, LinearCoefficients(), y=y_train)."
            ),
        )
    if method.fit is not None:
        return _refitted(method, view, rows, table, rng), ()
    family = _FAMILIES.get(view.unit)
    Y = _truth(view, rows)
    if family == "logistic" and Y.shape[1] > 1:
        family = "multinomial"
    if family is None or view.coefficients.size > _MOST or Y.shape[1] != len(view.intercept):
        why = "there is no likelihood for such a model, or it is too large"
        return None, (_none(why),)
    found = spread(family, rows.X, Y, view.intercept, view.coefficients)
    if not found.fits:
        why = (
            "the coefficients are not those of a least squares, logistic or Poisson fit to these "
            "rows, alone or with a ridge; perhaps it was fitted to others, with weights, or with "
            "another penalty"
        )
        return None, (_none(why),)
    return found.stderr, _ridge(found)


def _none(why: str) -> str:
    return (
        f"No standard errors: {why}. Give LinearCoefficients(fit=lambda X, y: "
        "clone(model).fit(X, y)) to get them from fits to resampled rows."
    )


def _ridge(found: Spread) -> tuple[str, ...]:
    if found.penalty == 0:
        return ()
    return (
        (
            f"The model was fitted with a ridge of {found.penalty:.3g}, which draws coefficients "
            "to zero: the standard errors are about the penalized coefficients, not the true ones."
        ),
    )


def _truth(view: Linear, rows: Rows) -> Floats:
    if rows.labels is None:
        return np.asarray(rows.targets, dtype=np.float64)[:, None]
    if len(view.classes) == _BINARY:
        return rows.labels[:, None].astype(np.float64)
    return np.eye(len(view.classes))[rows.labels]


def _refitted(
    method: LinearCoefficients, view: Linear, rows: Rows, table: Table, rng: Generator
) -> Floats:
    """Return standard deviations over fits to resampled rows."""
    y = rows.targets if rows.labels is None else np.array(view.classes)[rows.labels]
    fit: Any = method.fit
    drawn = []
    for i in range(method.resamples):
        some = rng.integers(len(table), size=len(table))
        refit = view_of(fit(table[some].native, np.asarray(y)[some]), Linear)
        if not isinstance(refit, Linear) or refit.coefficients.shape != view.coefficients.shape:
            raise InputError(
                f"Fit number {i} to resampled rows has other coefficients than the model: a "
                "category or class may be too rare to be in every sample. List the categories "
                "that the encoder knows, as in OneHotEncoder(categories=[...])."
            )
        drawn.append(refit.coefficients)
        rows.progress((i + 1) / method.resamples)
    return np.asarray(np.std(drawn, axis=0, ddof=1))


def _names(view: Linear, table: Table) -> tuple[str, ...]:
    """Return the names of what the model reads: a column, or a category of one."""
    names = [table.names[j] for j in view.player]
    for j in np.unique(view.player):
        own = np.flatnonzero(view.player == j)
        if len(own) > 1 or table.levels[j] is not None:
            for column, told in zip(own, _parts(view, table, int(j), len(own)), strict=True):
                names[column] = f"{table.names[j]}{told}"
    return tuple(names)


def _parts(view: Linear, table: Table, j: int, count: int) -> list[str]:
    """Return what tells the encoded parts of a column apart: the one category that each is of."""
    plain = [f" [{i}]" for i in range(count)] if count > 1 else [""]
    x, levels = table.numbers[:, j], table.levels[j]
    values = np.unique(x[~np.isnan(x)])
    if len(values) > _DISTINCT or len(values) == 0:
        return plain
    numbers = np.repeat(table.numbers[:1], len(values), axis=0)
    numbers[:, j] = values
    rows = edited(replace(table, rows=None), np.zeros(len(values), dtype=np.int64), numbers)
    encoded = view.design(rows)[:, view.player == j]
    told = []
    for i, column in enumerate(encoded.T):
        there = np.flatnonzero(column)
        if len(there) != 1 or len(values) < _BINARY:
            told.append(plain[i])
            continue
        value = float(values[there[0]])
        word = f"{value:g}" if levels is None else str(levels[int(value)])
        told.append(f" = {word or repr(word)}")
    return told
