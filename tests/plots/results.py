"""Effects, rules and examples to draw, made from arithmetic alone."""

from dataclasses import replace

import numpy as np

from plots.examples import LONG
from whence.core.effect import Curve, Effect
from whence.core.examples import Examples
from whence.core.explanation import Attribution, Names
from whence.core.provenance import Provenance
from whence.core.rules import Predicate, Rules
from whence.core.table import Table
from whence.core.types import Floats

JOBS = ("clerk", "manager", "smith", "teacher")


def _band(values: Floats, width: float = 0.1) -> dict[str, Floats]:
    return {"low": values - width, "high": values + width}


def age(
    n: int = 300, k: int = 1, *, missing: bool = False, where: str = "", up: float = 1.0
) -> Curve:
    """Rise with age; the lines of the rows differ in height and slope."""
    rng = np.random.default_rng(4)
    grid = np.array([17, 20, 22, 24, 26, 28, 31, 34, 37, 40, 44, 49, 55, 62, 73, 90], float)
    mean = up * np.tanh((grid - 40) / 20)[:, None] * np.arange(1, k + 1)
    slope = rng.normal(1, 0.4, (n, 1, 1))
    lines = mean * slope + rng.normal(0, 0.5, (n, 1, 1))
    density = np.exp(-(((grid - 36) / 18) ** 2)) * np.gradient(grid)
    if missing:
        grid = np.append(grid, np.nan)
        lines = np.concatenate([lines, rng.normal(0.3, 0.3, (n, 1, k))], axis=1)
        density = np.append(density, 0.1 * density.sum())
    mean = lines.mean(axis=0)
    return Curve(
        features=("age",), grid=(grid,), levels=(None,), values=mean, individual=lines,
        density=density / density.sum(), where=where, **_band(mean),
    )  # fmt: skip


def jobs(
    levels: tuple[str, ...] = JOBS, n: int = 100, k: int = 1, *, missing: bool = True
) -> Curve:
    """Give each category a height of its own, the last one the largest."""
    rng = np.random.default_rng(len(levels))
    size = len(levels)
    values = rng.normal(0, 0.4, (size + missing, k))
    values[size - 1] = 1.5
    codes = np.append(np.arange(size, dtype=float), [np.nan] * missing)
    share = rng.exponential(1, size + missing)
    return Curve(
        features=("job",), grid=(codes,), levels=(levels,), values=values,
        individual=values + rng.normal(0, 0.3, (n, 1, 1)), density=share / share.sum(),
        **_band(values, 0.2),
    )  # fmt: skip


def pair(kind: str = "numbers", k: int = 1) -> Curve:
    """Multiply two features, or one by a category."""
    x = np.linspace(20, 60, 21)
    y = np.linspace(0, 50, 11) if kind == "numbers" else np.arange(4.0)
    z = (x[:, None] - 40) / 20 * (y - y.mean()) / (np.ptp(y) / 2)
    density = np.exp(-(((x[:, None] - 35) / 12) ** 2) - ((y - y.mean()) / np.ptp(y) * 3) ** 2)
    density[density < 0.02] = 0
    return Curve(
        features=("age", "hours" if kind == "numbers" else "job"), grid=(x, y),
        levels=(None, None if kind == "numbers" else JOBS),
        values=z[..., None] * np.arange(1, k + 1), density=density / density.sum(),
    )  # fmt: skip


def effect(*curves: Curve, kind: str = "pdp", unit: str = "log-odds") -> Effect:
    """Put curves into an effect."""
    k = curves[0].values.shape[-1]
    names = tuple(dict.fromkeys(name for c in curves for name in c.features))
    return Effect(
        curves=curves, kind=kind,  # type: ignore[arg-type]  # one of the kinds
        names=Names(features=names, outputs=("good", "fair", "poor")[:k]),
        provenance=Provenance(unit=unit, method="PartialDependence"),
    )  # fmt: skip


def many(count: int = 20, name: str = "feature {}") -> Effect:
    """Make curves of many features, of which the ranges grow."""
    rng = np.random.default_rng(2)
    curves = []
    for j in range(count):
        grid = np.sort(rng.exponential(10.0 ** rng.integers(-2, 5), 12))
        values = 0.1 * j * np.cumsum(rng.normal(size=(12, 1)), axis=0)
        curves.append(
            Curve(
                features=(name.format(j),),
                grid=(grid,),
                levels=(None,),
                values=values,
                density=np.full(12, 1 / 12),
                **_band(values),
            )
        )
    return effect(*curves, jobs(), kind="ale")


def regions() -> Effect:
    """Let the effect of age depend on the home."""
    return effect(
        age(),
        age(where="own home = yes and hours per week > 40", up=2.0),
        age(where="own home = no", up=-1.0),
    )


def surface(k: int = 1) -> Effect:
    """Ask a model of two features about a grid, with rows to lay over it."""
    x, y = np.linspace(0, 10, 41), np.linspace(-1, 1, 31)
    score = np.stack([(x[:, None] - 5) * (c + 1) * 0.5 + 4 * y * (c - 1) for c in range(k)], -1)
    if k == 1:
        z = 1 / (1 + np.exp(-score - 3 * y[None, :, None]))
    else:
        z = np.exp(score) / np.exp(score).sum(axis=-1, keepdims=True)
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.uniform(0, 10, 200), rng.normal(0, 0.4, 200)])
    curve = Curve(
        features=("income in thousand", "balance"), grid=(x, y), levels=(None, None), values=z
    )
    names = ("income in thousand", "balance")
    return Effect(
        curves=(curve,), kind="surface",
        names=Names(features=names, outputs=("good", "fair", "poor")[:k]),
        data=Table(names=names, numbers=rows, levels=(None, None)),
        provenance=Provenance(unit="probability", method="DecisionSurface"),
    )  # fmt: skip


def rules(
    *predicates: tuple[Predicate, ...],
    kind: str = "anchor",
    status: tuple[str, ...] = (),
    rows: tuple[str, ...] | None = None,
    k: int = 1,
) -> Rules:
    """Make rules, the first of them the best."""
    n = len(predicates)
    part = 1 - np.arange(n) / (2 * n)
    outputs = np.stack([0.9 * part, 0.05 * part, 0.1 + 0 * part], axis=1)[:, :k]
    return Rules(
        predicates=predicates, outputs=outputs, precision=part, precision_low=part - 0.04,
        coverage=0.3 * part / n, coverage_low=0.2 * part / n, coverage_high=0.4 * part / n,
        covered=np.arange(n, 0, -1) * 59, status=status, kind=kind,  # type: ignore[arg-type]  # one of the kinds
        names=Names(features=("age", "job"), outputs=("good", "fair", "poor")[:k], rows=rows),
        provenance=Provenance(unit="probability", method="Anchors"),
    )  # fmt: skip


OLD, YOUNG = Predicate(feature="age", low=37.0), Predicate(feature="age", high=37.0, missing=True)
LIST = Predicate(feature="job", levels=JOBS[:3])
OTHER = Predicate(feature="job", levels=JOBS[3:])
LONG_RULE = tuple(Predicate(feature=LONG.format(j), low=j / 7, high=10.0 + j) for j in range(5))


def anchors() -> Rules:
    """Make anchors of one row each, short and long."""
    return rules(
        (OLD, LIST), (), LONG_RULE, (YOUNG,),
        status=("certified", "not certified", "budget", "certified"),
        rows=("applicant 7", "applicant 8", "applicant 12", "applicant 40"),
    )  # fmt: skip


def tree(depth: int = 3, k: int = 1) -> Rules:
    """Split all nodes down to a depth, the deeper ones at other features."""
    leaves: list[tuple[Predicate, ...]] = [()]
    for level in range(depth):
        name = ("age", "income of the household", "hours per week", "score", "debt", "rate")[level]
        grown = []
        for i, leaf in enumerate(leaves):
            cut = 10.0 * level + i
            if level == 1 and i == 1:
                grown += [(*leaf, LIST), (*leaf, OTHER)]
            else:
                grown += [
                    (*leaf, Predicate(feature=name, high=cut)),
                    (*leaf, Predicate(feature=name, low=cut)),
                ]
        leaves = grown
    return rules(*leaves, kind="tree", k=k)


def path() -> Rules:
    """Follow one row down a tree."""
    predicates = (
        OLD,
        LIST,
        Predicate(feature="age", high=61.5),
        Predicate(feature="hours", low=30),
    )
    data = Table(
        names=("age", "job", "hours"), numbers=np.array([[41.0, 1.0, 38.0]]),
        levels=(None, JOBS, None),
    )  # fmt: skip
    return replace(rules(predicates, kind="path", rows=("applicant 7",)), data=data)


NOTE = "age cannot fall, and all that changes the answer have an age below 61"


def counterfactuals(k: int = 1, *, long: bool = False) -> Examples:
    """Change one to three columns; nothing was found for the last row."""
    job = "occupation of the head of the household, last year" if long else "job"
    levels = tuple(f"{name}, in a long description" for name in JOBS) if long else JOBS
    names = ("age", job, "hours", "income", "own home", "debt")
    numbers = np.array([[28, 0, 38, 21000, 0, np.nan], [61, 3, 20, 900.5, 1, 0]], float)
    kinds = (None, levels, None, None, ("no", "yes"), None)
    data = Table(names=names, numbers=numbers, levels=kinds)
    c = np.repeat(numbers[:, None], 3, axis=1)
    c[0, 0, 0], c[0, 0, 1] = 35, 1
    c[0, 1, 3] = 34000
    c[0, 2, 0], c[0, 2, 2], c[0, 2, 5] = 22, 45.5, 120
    valid = np.array([[True, True, True], [False] * 3])
    c[~valid] = np.nan
    outputs = np.array([0.62, 0.55, 0.71])[:, None] * np.ones(k)

    def of_both(*first: float) -> Floats:
        return np.array([first, (np.nan,) * 3])

    return Examples(
        candidates=c, outputs=np.where(valid[..., None], outputs, np.nan),
        distance=of_both(0.31, 0.42, 0.9), valid=valid, kind="counterfactual", levels=kinds,
        plausibility=of_both(0.4, 0.02, 0.7), robustness=of_both(0.9, 0.8, 0.97),
        status=("optimal", "none found"), notes=("", NOTE),
        data=data,
        names=Names(features=names, outputs=("good", "fair", "poor")[:k], rows=("Ann", "Bob")),
        provenance=Provenance(unit="probability", method="Counterfactuals"),
    )  # fmt: skip


def prototypes(count: int = 4, p: int = 5, kind: str = "prototype") -> Examples:
    """Take rows that stand for all."""
    rng = np.random.default_rng(8)
    c = rng.normal(50, 20, (1, count, p)).round(1)
    c[0, :, 1] = np.arange(count) % 4
    blank = np.zeros((1, count))
    return Examples(
        candidates=c, outputs=rng.random((1, count, 1)), distance=blank * np.nan,
        valid=blank == 0, kind=kind,  # type: ignore[arg-type]  # one of the kinds
        levels=(None, JOBS, *[None] * (p - 2)), index=np.arange(count)[None] * 7,
        score=np.linspace(0.5, -0.2, count)[None],
        names=Names(
            features=("age", "job", *(f"feature {j}" for j in range(p - 2))), outputs=("good",),
            rows=("all",),
        ),
        provenance=Provenance(unit="probability", method="Prototypes"),
    )  # fmt: skip


def influence() -> Examples:
    """Take the rows that taught a model what it says of two others."""
    found = prototypes(3, kind="influence")
    two = np.repeat(found.candidates, 2, axis=0)
    numbers = np.array([[30.0, 0, 1, 2, 3], [40.0, 1, 1, 2, 3]])
    return Examples(
        candidates=two, outputs=np.repeat(found.outputs, 2, axis=0),
        distance=np.full((2, 3), np.nan), valid=np.ones((2, 3), dtype=bool), kind="influence",
        levels=found.levels, score=np.array([[2.0, 1.0, -0.5], [-3.0, 2.0, 1.0]]),
        data=Table(names=found.names.features, numbers=numbers, levels=found.levels),
        names=Names(features=found.names.features, outputs=("good",)),
        provenance=found.provenance,
    )  # fmt: skip


def shuffled(
    p: int = 6,
    method: str = "PermutationImportance",
    unit: str = "nats",
    output: str = "log_loss",
) -> Attribution:
    """Make an importance of signed values, the last of them nothing."""
    values = np.array([0.31, 0.12, -0.04, 0.02, 0.0, 0.001])[:p, None]
    return Attribution(
        values=values[None], base_values=np.array([[0.4]]), outputs=np.array([[0.4]]),
        stderr=np.array([0.02, 0.01, 0.01, 0.03, 0.0, 0.002])[None, :p, None],
        names=Names(
            features=tuple(f"feature {j}" for j in range(p)), outputs=(output,), rows=("all",)
        ),
        provenance=Provenance(method=method, unit=unit),
    )  # fmt: skip
