"""Exact Shapley values of linear models, for independent and for correlated columns.

Independent: what is not known takes its values from the rows of the background. For a weighted sum
that is the mean of the background, and the value of a player is what its own columns add beyond
their means.

Correlated: what is not known is expected to be what a Gaussian distribution with the mean and the
covariance of the background says, given what is known. Whatever the distribution, this is the best
linear prediction of the unknown columns from the known ones. The worth of a coalition ``S`` is then

``v(S) = sum over j in S of g_j (x_j - mean_j) + sum over j not in S of g_j E[x_j - mean_j | x_S]``

The first sum has the independent values. The second is a game that is worth nothing at both ends,
so its values, linear in the row, move what is said from one player to another. They are exact by
enumeration of all coalitions up to twelve players, and sampled by permutations beyond.

Neither the units of columns nor the reference level of a one-hot encoding matter. Covariances may
be singular: a column that the known ones determine but for 1e-5 of its standard deviation tells
nothing new, so columns that are equal, constant or parts of a whole need no care.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.types import Floats
from whence.kernels.gaussian import Telling
from whence.models.linear import Linear

FeatureDependence = Literal["independent", "correlated"]

_EXACT = 12
"""Players up to which all coalitions are enumerated."""
_MOST = 125_000_000
"""Numbers that the walks may leave behind, 1 GB."""
_FEWEST = 2

FEW_ROWS = (
    "The background has {rows} rows and {columns} independent directions after encoding, too few "
    "to tell how columns depend on each other: what is known seems to determine what is not. Give "
    "a larger background, or feature_dependence='independent'."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearShap:
    """Exact Shapley values of a linear model, in the user's columns.

    They are of the raw output: log-odds, a score, a prediction, or the logarithm of one.

    Attributes
    ----------
    background : table of shape (background, features)
        Rows that stand for "feature unknown", in the form of ``X``; all are used.
    feature_dependence : {"independent", "correlated"}
        "independent" is true to the model: a column that it does not read has the value zero.
        "correlated" is true to the data: a column tells of the others by the mean and covariance
        of the encoded background, as a Gaussian distribution would, so that one which the model
        does not read has a value if it is correlated with one which the model reads.
    permutations : int
        For more than 12 players that vary and "correlated": how many orders of the players are
        drawn, at least 2, each walked forward and in reverse. Every value then comes with a
        standard error. Four times as many halve it.

    References
    ----------
    Aas et al., doi:10.1016/j.artint.2021.103502 (Gaussian conditional expectations). Chen et al.,
    arXiv:2006.16234 (true to the model or true to the data). Greville, doi:10.1137/1002004.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> from sklearn.linear_model import LinearRegression
    >>> Z = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 2.0]])
    >>> model = LinearRegression().fit(Z, [0.0, 2.0, 4.0, 6.0])  # 2 * the first column
    >>> method = LinearShap(background=Z)
    >>> wh.explain(model, Z[3:], method).values[0, :, 0].round(6) + 0.0
    array([3., 0.])
    >>> method = LinearShap(background=Z, feature_dependence="correlated")
    >>> wh.explain(model, Z[3:], method).values[0, :, 0].round(6)
    array([2.045455, 0.954545])
    """

    background: object = None
    feature_dependence: FeatureDependence = "independent"
    permutations: int = 100

    needs: ClassVar[type] = Linear
    references: ClassVar[tuple[str, ...]] = (
        "10.1016/j.artint.2021.103502", "arXiv:2006.16234", "10.1137/1002004",
    )  # fmt: skip

    def bind(self, view: Linear) -> Explain[Attribution]:
        """Read the background and return the function that explains rows.

        Raises
        ------
        InputError
            If there is no background, it does not fit the model, or a setting cannot be used.
        """
        _check(self)
        Z = view.read(self.background, what="background")
        if self.feature_dependence == "independent":
            return _independent(view, Z.mean(axis=0))
        if len(Z) < _FEWEST:
            raise InputError(
                f"The background has {len(Z)} row and feature_dependence is 'correlated'. At least "
                f"{_FEWEST} rows are needed, and many more than columns. Give "
                "background=X_train, or feature_dependence='independent'."
            )
        return _correlated(view, Z, self.permutations)


def _check(method: LinearShap) -> None:
    if method.background is None:
        raise InputError(
            "The background is None. LinearShap compares each row with the rows of a background. "
            "Give LinearShap(background=X_train)."
        )
    if method.feature_dependence not in get_args(FeatureDependence):
        raise InputError(
            f"feature_dependence is {method.feature_dependence!r}. Give one of "
            f"{', '.join(map(repr, get_args(FeatureDependence)))}."
        )
    if not isinstance(method.permutations, int) or method.permutations < _FEWEST:
        raise InputError(
            f"permutations is {method.permutations!r}. A whole number of at least {_FEWEST} is "
            "needed: a single one gives no standard error."
        )


def _own(view: Linear, away: Floats) -> Floats:
    """Return what each player's own columns add, (rows, players, outputs).

    Parameters
    ----------
    away : array of shape (rows, columns)
        The rows less the mean of the background.
    """
    values = np.zeros((len(away), len(view.features), len(view.intercept)))
    for player in np.unique(view.player):
        own = view.player == player
        values[:, player] = away[:, own] @ view.coefficients[own]
    return values


def _independent(view: Linear, mean: Floats) -> Explain[Attribution]:
    base = view.raw(mean[None])

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        del rng  # exact: nothing is sampled
        return Attribution(
            values=_own(view, rows.X - mean),
            base_values=np.repeat(base, len(rows.X), axis=0),
            outputs=rows.outputs,
        )

    return explain


def _correlated(view: Linear, Z: Floats, permutations: int) -> Explain[Attribution]:
    mean = Z.mean(axis=0)
    base, game = view.raw(mean[None]), Telling.of(Z, view.player, view.coefficients)
    few = FEW_ROWS.format(rows=len(Z), columns=len(game.part))
    warnings = (few,) if len(Z) <= len(game.part) + 1 else ()
    shifts = _shifts(game, permutations)

    def explain(rows: Rows, *, rng: Generator) -> Attribution:
        away = rows.X - mean
        values, stderr = _own(view, away), None
        directions = away @ game.rotation
        shift = shifts(int(rng.integers(2**63)))  # (walks, players, directions, outputs)
        values[:, game.players] += np.tensordot(directions, shift.mean(axis=0), axes=(1, 1))
        if len(shift) > 1:
            stderr = np.zeros_like(values)
            stderr[:, game.players] = _stderr(directions, shift)
        return Attribution(
            values=values,
            base_values=np.repeat(base, len(away), axis=0),
            outputs=rows.outputs,
            stderr=stderr,
            provenance=Provenance(warnings=warnings),
        )

    return explain


def _shifts(game: Telling, permutations: int) -> Callable[[int], Floats]:
    """Return the function from a seed to what moves between players, exact or one per walk."""
    if len(game.players) <= _EXACT:
        exact = game.exact()[None]
        return lambda _: exact
    cells = permutations * len(game.players) * game.weight.size
    if cells > _MOST:
        raise InputError(
            f"{permutations} permutations of {len(game.players)} players with {len(game.part)} "
            f"columns and {game.weight.shape[1]} outputs need {cells * 8 / 1e9:.1f} GB. Give "
            "fewer permutations, or feature_dependence='independent'."
        )

    @lru_cache(maxsize=1)  # the seed is one for all blocks of rows, and so are the walks
    def sampled(seed: int) -> Floats:
        rng = np.random.default_rng(seed)
        players = np.arange(len(game.players))
        orders = [rng.permutation(players) for _ in range(permutations)]
        return np.stack([(game.walk(order) + game.walk(order[::-1])) / 2 for order in orders])

    return sampled


def _stderr(directions: Floats, shift: Floats) -> Floats:
    """Return the standard error of the mean over walks, (rows, players, outputs)."""
    spread = shift - shift.mean(axis=0)
    squares = np.zeros((len(directions), shift.shape[1], shift.shape[3]))
    for walk in spread:
        squares += np.tensordot(directions, walk, axes=(1, 1)) ** 2
    return np.asarray(np.sqrt(squares / (len(shift) - 1) / len(shift)))
