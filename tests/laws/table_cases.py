"""Every method for tables that answers another question than "what moved this prediction"."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import whence as wh
from whence.core.types import Floats

ROWS, BACKGROUND = 40, 160


@dataclass(slots=True, eq=False)
class Counted:
    """A model of the user's own that counts the rows it is asked about."""

    call: Callable[[Any], Floats]
    asked: int = field(default=0, init=False)

    def __call__(self, X: Any) -> Floats:  # noqa: ANN401  any table
        """Answer, and count."""
        self.asked += len(X)
        return self.call(X)


def table(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return rows with a whole number, categories, and numbers of which some are missing."""
    return pd.DataFrame(
        {
            "age": rng.integers(20, 70, n),
            "job": pd.Categorical(rng.choice(["clerk", "smith", "cook"], n)),
            "rate": rng.normal(size=n).round(2),
            "unused": rng.normal(size=n).round(2),
            "wage": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n).round(2)),
        }
    )


def score(X: Any) -> Floats:  # noqa: ANN401  any frame
    """Return the probability that a model of the user's own gives."""
    X = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X.to_pandas())
    smith = (X["job"].astype(str) == "smith").to_numpy()
    wage = X["wage"].astype(float).fillna(0.5).to_numpy()
    rate, age = X["rate"].to_numpy(dtype=float), X["age"].to_numpy(dtype=float)
    raw = (age - 45) / 8 + smith * rate - 1.5 * wage
    return np.asarray(1 / (1 + np.exp(-raw)))


def refit(X: Any, y: Any) -> Any:  # noqa: ANN401  what a covariate is left out of
    """Return a model of some of the columns."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(X, y)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A model, rows to explain, a background, and the truth about both.

    Attributes
    ----------
    model : callable
        Makes the model anew.
    X, background : tables
    y, y_background : arrays
    """

    model: Callable[[], Any]
    X: pd.DataFrame
    background: pd.DataFrame
    y: Floats
    y_background: Floats


@cache
def _asked() -> World:
    """Return a function of the user's own, of which nothing but answers is known."""
    rng = np.random.default_rng(3)
    X, Z = table(rng, ROWS), table(rng, BACKGROUND)
    return World(
        model=lambda: Counted(score), X=X, background=Z,
        y=(score(X) > rng.random(ROWS)).astype(float),
        y_background=(score(Z) > rng.random(BACKGROUND)).astype(float),
    )  # fmt: skip


@cache
def _numeric() -> World:
    """Return rows of numbers, and the label that fitted models learn."""
    rng = np.random.default_rng(4)
    names = ["a", "b", "c"]
    X = pd.DataFrame(rng.normal(size=(ROWS, 3)).round(2), columns=names)
    Z = pd.DataFrame(rng.normal(size=(BACKGROUND, 3)).round(2), columns=names)
    noise = rng.normal(size=BACKGROUND)
    y = (Z["a"] + 2 * Z["b"] + 0.5 * noise > 0).to_numpy(dtype=float)
    return World(
        model=lambda: None, X=X, background=Z,
        y=(X["a"] + 2 * X["b"] > 0).to_numpy(dtype=float), y_background=y,
    )  # fmt: skip


@cache
def _logistic() -> World:
    from dataclasses import replace

    from sklearn.linear_model import LogisticRegression

    world = _numeric()
    model = LogisticRegression().fit(world.background, world.y_background)
    return replace(world, model=lambda: model)


@cache
def _tree() -> World:
    from dataclasses import replace

    from sklearn.tree import DecisionTreeClassifier

    world = _numeric()
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    model.fit(world.background, world.y_background)
    return replace(world, model=lambda: model)


@cache
def _boosted() -> World:
    from dataclasses import replace

    from xgboost import XGBClassifier

    world = _numeric()
    model = XGBClassifier(n_estimators=8, max_depth=3, n_jobs=1)
    model.fit(world.background, world.y_background)
    return replace(world, model=lambda: model)


@cache
def _ebm() -> World:
    from dataclasses import replace

    from interpret.glassbox import ExplainableBoostingClassifier

    world = _numeric()
    model = ExplainableBoostingClassifier(
        outer_bags=2, max_rounds=30, interactions=1, n_jobs=1, random_state=0
    ).fit(world.background, world.y_background)
    return replace(world, model=lambda: model)


WORLDS: dict[str, Callable[[], World]] = {
    "asked": _asked,
    "logistic": _logistic,
    "tree": _tree,
    "boosted": _boosted,
    "ebm": _ebm,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A method with one choice of its settings.

    Attributes
    ----------
    make : callable
        World -> method.
    world : str
        The model that it is tried on.
    by_row : bool
        Whether each row is explained by itself.
    truth : bool
        Whether it needs ``y``.
    """

    make: Callable[[World], Any]
    world: str = "asked"
    by_row: bool = False
    truth: bool = False


WAYS: dict[str, Way] = {
    "PartialDependence": Way(make=lambda _: wh.PartialDependence(grid=6)),
    "PartialDependence-trees": Way(make=lambda _: wh.PartialDependence(grid=6), world="boosted"),
    "PartialDependence-pair": Way(
        make=lambda _: wh.PartialDependence(features=(("age", "job"), "wage"), grid=4)
    ),
    "AccumulatedLocalEffects": Way(make=lambda _: wh.AccumulatedLocalEffects(bins=5)),
    "AccumulatedLocalEffects-pair": Way(
        make=lambda _: wh.AccumulatedLocalEffects(features=(("age", "rate"),), bins=3)
    ),
    "RegionalEffects": Way(make=lambda _: wh.RegionalEffects(features=("rate",), grid=5)),
    "DecisionSurface": Way(make=lambda _: wh.DecisionSurface(features=("age", "rate"), grid=5)),
    "HStatistic": Way(make=lambda _: wh.HStatistic()),
    "HStatistic-trees": Way(make=lambda _: wh.HStatistic(), world="boosted"),
    "PermutationImportance": Way(make=lambda _: wh.PermutationImportance(repeats=3), truth=True),
    "PermutationImportance-conditional": Way(
        make=lambda _: wh.PermutationImportance(repeats=3, conditional=True), truth=True
    ),
    "PermutationImportance-scores": Way(
        make=lambda _: wh.PermutationImportance(repeats=2, scoring=("roc_auc", "accuracy")),
        world="boosted",
        truth=True,
    ),
    "LeaveOneCovariateOut": Way(
        make=lambda w: wh.LeaveOneCovariateOut(
            fit=refit, X_train=w.background, y_train=w.y_background
        ),
        world="logistic",
        truth=True,
    ),
    "SurrogateTree": Way(make=lambda _: wh.SurrogateTree(max_leaves=4)),
    "RuleList": Way(make=lambda _: wh.RuleList(), world="boosted"),
    "DecisionPath": Way(make=lambda _: wh.DecisionPath(), world="tree", by_row=True),
    "DecisionTreeRules": Way(make=lambda _: wh.DecisionTreeRules(), world="tree"),
    "Anchors": Way(make=lambda w: wh.Anchors(background=w.background), by_row=True),
    "Counterfactuals": Way(
        make=lambda w: wh.Counterfactuals(
            background=w.background,
            target=(0.6, None),
            constraints=wh.Constraints(immutable=("age",), increase=("rate",)),
            count=2,
        ),
        by_row=True,
    ),
    "Counterfactuals-trees": Way(
        make=lambda w: wh.Counterfactuals(background=w.background), world="boosted", by_row=True
    ),
    "Prototypes": Way(make=lambda _: wh.Prototypes(count=3)),
    "Prototypes-classes": Way(
        make=lambda _: wh.Prototypes(count=4, per_class=True), world="boosted"
    ),
    "Criticisms": Way(make=lambda _: wh.Criticisms(count=3)),
    "NearestExamples": Way(
        make=lambda w: wh.NearestExamples(background=w.background, count=3), by_row=True
    ),
    "Influence": Way(
        make=lambda w: wh.Influence(background=w.background, y=w.y_background, count=3),
        world="logistic",
        by_row=True,
    ),
    "Terms": Way(make=lambda _: wh.Terms(), world="ebm", by_row=True),
    "Terms-linear": Way(make=lambda _: wh.Terms(), world="logistic", by_row=True),
    "TermEffects": Way(make=lambda _: wh.TermEffects(), world="ebm"),
    "LinearCoefficients": Way(
        make=lambda _: wh.LinearCoefficients(),
        world="logistic",
    ),
}


@dataclass(frozen=True, slots=True)
class TableCase:
    """One method on its model."""

    name: str

    @property
    def way(self) -> Way:
        """Return what is known about the method."""
        return WAYS[self.name]

    @property
    def world(self) -> World:
        """Return the model and the rows."""
        return WORLDS[self.way.world]()

    @property
    def method(self) -> Any:  # noqa: ANN401  any method
        """Return the method."""
        return self.way.make(self.world)

    def explain(self, X: Any = None, *, model: Any = None, **settings: Any) -> Any:  # noqa: ANN401  settings of explain
        """Explain the rows of this world, or others."""
        world = self.world
        X = world.X if X is None else X
        y = settings.pop("y", world.y if self.way.truth else None)
        return wh.explain(model or world.model(), X, self.method, y=y, **settings)

    def __str__(self) -> str:
        """Return the name of the test."""
        return self.name
