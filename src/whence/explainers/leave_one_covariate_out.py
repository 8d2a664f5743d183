"""How much worse a model predicts that was trained without a column.

Where a permutation tells what one model needs, leaving a column out tells what the data hold that
no other column says: the model is fitted anew without it, and both predict the same held-out rows
(Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018). It costs one fit per column.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.check import shorten
from whence.core.columns import columns_of
from whence.core.errors import InputError, WhenceError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.table import Table
from whence.core.types import Floats
from whence.maskers.columns import Groups, Players, players_of
from whence.maskers.judged import Scoring, Verdict, importance
from whence.maskers.judges import judges_of
from whence.models.predict import Predict
from whence.models.views import view_of

Fit: TypeAlias = Callable[[Any, Any], object]
"""(X, y) -> fitted model, such as ``lambda X, y: clone(model).fit(X, y)``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeaveOneCovariateOut:
    """LOCO: one value per player and score, how much worse a model without it predicts.

    A value is how much the loss rises, or the score falls, on the rows given, which should be held
    out from training, when the model is fitted without the player's columns:
    ``wh.explain(model, X_test, wh.LeaveOneCovariateOut(fit=fit, X_train=X_train,
    y_train=y_train), y=y_test)``. ``fit`` must train as ``model`` was trained. Values do not add up
    to anything; ``base_values`` and ``outputs`` both hold the loss or score of the model itself.

    ``stderr`` is of the paired difference on the rows, given these two fits: ``values`` -+ 1.96
    ``stderr`` is a 95 % interval for infinitely many such rows. That another training set, or
    another seed of a forest, gives other fits is not in it.

    Attributes
    ----------
    fit : callable
        (X, y) -> fitted model. It gets the training rows in the user's own form without the
        columns left out, and must not rely on their names.
    X_train : table
        Rows that the model was trained on, in the form of ``X``.
    y_train : array of shape (training rows,)
        Their true classes or numbers, handed to ``fit`` as it is.
    scoring : str, callable or tuple of these
        As in `PermutationImportance`.
    groups : dict or None
        Name -> columns that are left out together.
    sample_weight : array of shape (rows,) or None
        What each of the rows explained counts in the loss or score.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, doi:10.1080/01621459.2017.1307116.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> import whence as wh
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X[:, 0] + 0.1 * rng.normal(size=200)
    >>> model = LinearRegression().fit(X[:100], y[:100])
    >>> loco = LeaveOneCovariateOut(
    ...     fit=lambda X, y: LinearRegression().fit(X, y), X_train=X[:100], y_train=y[:100]
    ... )
    >>> wh.explain(model, X[100:], loco, y=y[100:]).values[0, :, 0].round(1) + 0.0
    array([1., 0.])
    """

    fit: Fit
    X_train: object
    y_train: object
    scoring: Scoring = "auto"
    groups: Groups | None = None
    sample_weight: object = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1080/01621459.2017.1307116",)
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Attribution]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        if not callable(self.fit):
            raise InputError(
                f"fit is {self.fit!r:.60}. A function (X, y) -> fitted model is needed, such as "
                "lambda X, y: sklearn.base.clone(model).fit(X, y)."
            )
        if view.response != "identity":
            raise InputError(
                "LeaveOneCovariateOut explains losses and scores of what the model predicts. "
                "Leave output='raw' and choose by LeaveOneCovariateOut(scoring=...)."
            )
        train = view.read(self.X_train, what="X_train")
        count = np.asarray(self.y_train).shape
        if not count or count[0] != len(train):
            raise InputError(
                f"y_train is of shape {count} and X_train has {len(train)} rows. Give one true "
                "class or number per row."
            )

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            judges = judges_of(self.scoring, view, rows, self.sample_weight, type(self).__name__)
            table = rows.given()
            if not isinstance(table, Table):
                raise TypeError("Judges judge tables.")
            players = players_of(table, self.groups)
            if len(players.names) < 2:  # noqa: PLR2004  one would leave no column
                raise InputError(
                    f"X has the one player {players.names[0]!r}. Without it there is no column to "
                    "train on. At least two are needed: give other groups."
                )
            verdicts = [judge.about(rows.raw, rng) for judge in judges]
            return self._explained(view, rows, table, train, players, verdicts)

        return explain

    def _explained(
        self,
        view: Predict,
        rows: Rows,
        table: Table,
        train: Table,
        players: Players,
        verdicts: list[Verdict],
    ) -> Attribution:
        values = np.zeros((len(players.names), len(verdicts)))
        stderr, asked = np.zeros_like(values), 0
        for p, name in enumerate(players.names):
            kept = np.flatnonzero(players.owner != p)
            said = self._without(view, name, columns_of(train, kept), columns_of(table, kept))
            if said.shape != rows.raw.shape:
                raise InputError(
                    f"fit returned a model of {said.shape[1]} outputs without {name!r}, and "
                    f"{view.called} has {rows.raw.shape[1]}. It must train as the model was "
                    "trained."
                )
            asked += len(said)
            values[p], stderr[p] = np.array([verdict.worse(said) for verdict in verdicts]).T
            rows.progress((p + 1) / len(players.names))
        return importance(players.names, verdicts, values, stderr, Provenance(evaluations=asked))

    def _without(self, view: Predict, name: str, train: Table, table: Table) -> Floats:
        """Return what a model that knows less says about the rows."""
        try:
            model = self.fit(train.native, self.y_train)
        except WhenceError:
            raise
        except Exception as error:
            raise InputError(
                f"fit raised {type(error).__name__} without {name!r}: {error} It gets X_train "
                "without that column and must not name it: let a ColumnTransformer choose by "
                "types, as make_column_selector does."
            ) from error
        if model is None:
            raise InputError(
                "fit returned None. It must return the fitted model, such as "
                "lambda X, y: clone(model).fit(X, y)."
            )
        other = view_of(model, Predict)
        if not isinstance(other, Predict):
            raise TypeError("The view that was asked for is another.")
        if other.classes != view.classes:
            raise InputError(
                f"fit returned a model of the classes {shorten(other.classes)}, and {view.called} "
                f"knows {shorten(view.classes)}. It must train as the model was trained: give the "
                "same kind of model, and y_train as it was."
            )
        return other.ask(table)
