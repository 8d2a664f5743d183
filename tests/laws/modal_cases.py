"""The table of cases for methods that ask a model, on tables, images, texts and series.

The models are plain functions whose answer for a row does not depend on the rows beside it, to the
last bit, and that count the rows they are asked about.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import whence as wh
from whence.core.types import Floats

ROWS = 4


@dataclass(slots=True, eq=False)
class Counting:
    """A model that counts the rows it is asked about."""

    answer: Callable[[Any], Floats]
    asked: int = field(default=0)

    def __call__(self, X: Any) -> Floats:  # noqa: ANN401  rows of any kind
        """Answer with one line of outputs per row."""
        self.asked += len(X)
        return self.answer(X)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Rows of one kind, a model of them, and how parts of them are hidden.

    Attributes
    ----------
    X : rows
    answer : callable
        Rows -> (rows, outputs).
    masker : masker
    dummies : tuple of (row, player)
        Players of no effect.
    twins : tuple of (row, player, player)
        Players of the same effect.
    """

    X: Any
    answer: Callable[[Any], Floats]
    masker: Any
    dummies: tuple[tuple[int, int], ...]
    twins: tuple[tuple[int, int, int], ...]

    def model(self) -> Counting:
        """Return a model that has not been asked yet."""
        return Counting(self.answer)


def _table() -> Kind:
    rng = np.random.default_rng(0)

    def frame(n: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "age": rng.integers(20, 70, n),
                "job": pd.Categorical(rng.choice(["clerk", "smith"], n), ["clerk", "smith"]),
                "rate": rng.normal(size=n),
                "unused": rng.normal(size=n),
                "wage": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            }
        )

    def answer(X: pd.DataFrame) -> Floats:
        smith = (X["job"] == "smith").to_numpy()
        wage, rate = X["wage"].fillna(0.5).to_numpy(), X["rate"].to_numpy()
        score = X["age"].to_numpy() / 10 + smith * rate * wage - wage
        return np.column_stack([score, np.tanh(rate) + 2 * smith])

    X = frame(ROWS)
    return Kind(
        X=X,
        answer=answer,
        masker=wh.Marginal(frame(6)),
        dummies=tuple((i, 3) for i in range(ROWS)),
        twins=(),
    )


def _images() -> Kind:
    X = np.random.default_rng(1).random((ROWS, 6, 6, 3))
    X[0, :3, 3:] = X[0, :3, :3] = 0.7  # two parts alike

    def answer(X: Floats) -> Floats:
        top, left = X[:, :3, :3].mean(axis=(1, 2, 3)), X[:, :3, 3:].mean(axis=(1, 2, 3))
        low = X[:, 3:, :3].max(axis=(1, 2, 3))
        return np.column_stack([top + left + 3 * top * left * low, low])

    return Kind(
        X=X,
        answer=answer,
        masker=wh.ImageMasker(segments=4, divide="grid", hide=0.0),
        dummies=tuple((i, 3) for i in range(ROWS)),
        twins=((0, 0, 1),),
    )


def _texts() -> Kind:
    X = ["a good good film", "not bad", "dull", "a very fine and good film indeed"]

    def answer(X: list[str]) -> Floats:
        words = [text.split() for text in X]
        good = np.array([sum(w in ("good", "fine") for w in line) for line in words], dtype=float)
        no = np.array([sum(w in ("not", "dull") for w in line) for line in words], dtype=float)
        return np.column_stack([np.sqrt(good) - no * (1 + good), good])

    return Kind(
        X=X, answer=answer, masker=wh.TextMasker(), dummies=((0, 0), (0, 3)), twins=((0, 1, 2),)
    )


def _series() -> Kind:
    X = np.random.default_rng(2).normal(size=(ROWS, 6, 2))

    def answer(X: Floats) -> Floats:
        late, early = X[:, 4:, 0].sum(axis=1), X[:, :2, 0].sum(axis=1)
        return np.column_stack([late * early + X[:, 4:, 1].sum(axis=1), late])

    return Kind(
        X=X,
        answer=answer,
        masker=wh.SeriesMasker(segments=3, hide=0.0),
        dummies=tuple((i, 2) for i in range(ROWS)),
        twins=(),
    )


KINDS: dict[str, Kind] = {
    "table": _table(),
    "images": _images(),
    "texts": _texts(),
    "series": _series(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A method with one choice of its settings.

    Attributes
    ----------
    make : callable
        Masker -> method.
    efficient : bool
        Whether the values add up to the prediction.
    shapley : bool
        Whether dummies and twins get what Shapley values give them, exactly.
    budget : int or None
        Most evaluations of a row that it was given.
    """

    make: Callable[[Any], Any]
    efficient: bool = True
    shapley: bool = False
    budget: int | None = None


WAYS: dict[str, Way] = {
    "ExactShap": Way(make=lambda m: wh.ExactShap(masker=m), shapley=True),
    "KernelShap": Way(make=lambda m: wh.KernelShap(masker=m), shapley=True),
    "KernelShap-few": Way(make=lambda m: wh.KernelShap(masker=m, budget=120), budget=120),
    "KernelShap-classic": Way(
        make=lambda m: wh.KernelShap(masker=m, budget=600, sampling="classic"), budget=600
    ),
    "PermutationShap": Way(make=lambda m: wh.PermutationShap(masker=m, budget=400), budget=400),
    "PartitionShap": Way(make=lambda m: wh.PartitionShap(masker=m, hierarchy=_chain(m))),
    "kSII": Way(make=lambda m: wh.ShapleyInteractions(masker=m)),
    "SII-3": Way(
        make=lambda m: wh.ShapleyInteractions(masker=m, order=3, index="SII"), efficient=False
    ),
    "FSII": Way(make=lambda m: wh.ShapleyInteractions(masker=m, index="FSII")),
    "Lime": Way(make=lambda m: wh.Lime(masker=m, budget=300), efficient=False, budget=300),
    "Lime-classic": Way(
        make=lambda m: wh.Lime(masker=m, budget=300, sampling="classic"),
        efficient=False,
        budget=300,
    ),
    "Occlusion": Way(make=lambda m: wh.Occlusion(masker=m), efficient=False),
}


def _chain(masker: Any) -> Any:  # noqa: ANN401  any masker
    """Return a hierarchy of columns; other kinds have one of their own."""
    return (("age", "job"), ("rate", "unused", "wage")) if isinstance(masker, wh.Marginal) else None


@dataclass(frozen=True, slots=True)
class ModalCase:
    """One method on one kind of rows."""

    kind_name: str
    way_name: str

    @property
    def kind(self) -> Kind:
        """Return the rows and the model."""
        return KINDS[self.kind_name]

    @property
    def way(self) -> Way:
        """Return what is known about the method."""
        return WAYS[self.way_name]

    @property
    def method(self) -> Any:  # noqa: ANN401  any method
        """Return the method with the masker of this kind."""
        return self.way.make(self.kind.masker)

    def explain(self, X: Any = None, **settings: Any) -> Any:  # noqa: ANN401  settings of explain
        """Explain the rows of this kind, or others."""
        X = self.kind.X if X is None else X
        return wh.explain(self.kind.model(), X, self.method, **settings)

    def __str__(self) -> str:
        """Return the name of the test."""
        return f"{self.kind_name}-{self.way_name}"


MODAL = [ModalCase(kind, way) for kind in KINDS for way in WAYS]
EFFICIENT = [case for case in MODAL if case.way.efficient]
FAIR = [case for case in MODAL if case.way.shapley]
BUDGETED = [case for case in MODAL if case.way.budget is not None]
