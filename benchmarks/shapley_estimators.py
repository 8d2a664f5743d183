"""Sampled Shapley values at the same budget: whence beside shap's and shapiq's estimators.

Games are XGBoost models explained against one baseline row, whose exact values are known, and a
budget of eight coalitions per player. Errors are ``|estimate - exact|^2 / |exact|^2``, the mean
over rows and seeds; coverage is the share of values within 1.96 standard errors of the exact ones,
over players with at least 2 % of the largest value.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shap
import shapiq.approximator as peers
import xgboost as xgb

import whence as wh
from whence.core.types import Bools, Floats
from whence.kernels.shapley_regression import Sampling, ShapleyRegression

DATA = Path(os.environ.get("WHENCE_DATA", "data"))
PER_PLAYER = 8
ROWS, SEEDS, REPEATS = 30, 3, 500
SLOW, SLOW_SEEDS = ("kADD-SHAP", "ProxySPEX", "SPEX", "RegressionFSII"), 1

Worth = Callable[[Bools], Floats]
Estimate = Callable[[Worth, int, int, int], Floats]


@dataclass(frozen=True, kw_only=True)
class Game:
    """Rows of one model, and their exact values (rows, players)."""

    name: str
    model: xgb.XGBRegressor
    rows: Floats
    baseline: Floats
    exact: Floats

    def worth(self, row: int) -> Worth:
        """Return what coalitions of features of a row are worth."""
        x, z, model = self.rows[row], self.baseline, self.model
        return lambda known: model.predict(np.where(np.atleast_2d(known), x, z)).astype(np.float64)


def games() -> list[Game]:
    """Return the games."""
    california = pd.read_csv(DATA / "california_housing/california_housing_sklearn.csv.gz")
    adult = pd.read_csv(DATA / "adult/adult_train.csv.gz", skipinitialspace=True)
    rich = adult["income"].str.contains(">50K").to_numpy(float)
    adult = adult.drop(columns=["income", "fnlwgt", "education"])
    codes = adult.apply(lambda c: c if c.dtype.kind in "iuf" else c.astype("category").cat.codes)
    A, C = codes.to_numpy(float), california.to_numpy(float)
    rng = np.random.default_rng(0)
    groups = np.kron(np.eye(20), np.full((3, 3), 0.99)) + 0.01 * np.eye(60)
    W = rng.normal(size=(4000, 60)) @ np.linalg.cholesky(groups).T
    w = W[:, 0:30:3].sum(axis=1) + rng.normal(size=4000) / 2
    T = rng.normal(size=(5000, 20))
    t = T[:, 0] * T[:, 1] * T[:, 2] + T[:, 3] * T[:, 4] + np.sin(2 * T[:, 5]) * T[:, 6]
    t += T[:, 7:12].sum(axis=1) + 2 * (T[:, 12:15] > 0).all(axis=1)
    return [
        game("California housing", C[:, :-1], C[:, -1], C[:, :-1].mean(axis=0), depth=6),
        game("adult", A, rich, np.median(A, axis=0), depth=5),
        game("correlated, 60 features", W, w, W.mean(axis=0), depth=4),
        game("interactions, 20 features", T, t, T[11], depth=5),
    ]


def game(name: str, X: Floats, y: Floats, baseline: Floats, *, depth: int) -> Game:
    """Fit a model and get the exact values from its trees."""
    model = xgb.XGBRegressor(n_estimators=100, max_depth=depth, learning_rate=0.15, n_jobs=1)
    model.fit(X, y)
    rows = X[np.random.default_rng(7).choice(len(X), ROWS, replace=False)]
    exact = wh.explain(model, rows, wh.TreeShap(background=baseline[None])).values[:, :, 0]
    return Game(name=name, model=model, rows=rows, baseline=baseline, exact=exact)


def ours(
    worth: Worth, players: int, budget: int, seed: int, *, sampling: Sampling = "leverage"
) -> tuple[Floats, Floats]:
    """Return values and standard errors, the coalitions asked in the sampler's own batches."""
    ends = worth(np.array([[False] * players, [True] * players]))[:, None]
    rng = np.random.default_rng(seed)
    sampler, left = ShapleyRegression(players, ends[0], ends[1], rng, sampling=sampling), budget - 2
    while left and len(known := sampler.ask(left)):
        sampler.tell(worth(known)[:, None])
        left -= len(known)
    said = sampler.estimate()
    return said.values[:, 0], said.stderr[:, 0]


def by_shap(l1_reg: str | int) -> Estimate:
    """Return shap.KernelExplainer; its budget does not count nobody and everybody."""

    def estimate(worth: Worth, players: int, budget: int, seed: int) -> Floats:
        np.random.seed(seed)  # noqa: NPY002  the generator that it uses
        explainer = shap.KernelExplainer(lambda X: worth(X > 0.5), np.zeros((1, players)))
        one = np.ones((1, players))
        return explainer.shap_values(one, nsamples=budget, l1_reg=l1_reg, silent=True)[0]

    return estimate


def by_shapiq(make: Callable[..., object], **settings: object) -> Estimate:
    """Return an estimator of shapiq."""

    def estimate(worth: Worth, players: int, budget: int, seed: int) -> Floats:
        ends = worth(np.array([[False] * players, [True] * players]))
        said = make(n=players, random_state=seed, **settings).approximate(
            budget, lambda known: worth(known) - ends[0]
        )
        return np.array([said[(i,)] for i in range(players)])

    return estimate


def estimators() -> dict[str, Estimate]:
    """Return all of the others."""
    found = {
        "shap KernelExplainer": by_shap("num_features(10)"),
        "shap KernelExplainer, l1_reg='auto'": by_shap("auto"),
        "shap KernelExplainer, l1_reg=0": by_shap(0),
    }
    for paired in (False, True):
        end = ", paired" if paired else ""
        some = {"pairing_trick": paired}
        found |= {
            f"shapiq KernelSHAP{end}": by_shapiq(peers.KernelSHAP, **some),
            f"shapiq kADD-SHAP 2{end}": by_shapiq(peers.kADDSHAP, max_order=2, **some),
            f"shapiq SVARM{end}": by_shapiq(peers.SVARM, **some),
            f"shapiq UnbiasedKernelSHAP{end}": by_shapiq(peers.UnbiasedKernelSHAP, **some),
            f"shapiq RegressionFSII 2{end}": by_shapiq(peers.RegressionFSII, max_order=2, **some),
        }
    return found | {
        "shapiq KernelSHAP, sizes uniform, paired": uniform_kernel_shap,
        "shapiq PermutationSamplingSV": by_shapiq(peers.PermutationSamplingSV),
        "shapiq StratifiedSamplingSV": by_shapiq(peers.StratifiedSamplingSV),
        "shapiq OwenSamplingSV": by_shapiq(peers.OwenSamplingSV),
        "shapiq ProxySPEX": by_shapiq(peers.ProxySPEX, index="SV", max_order=1),
        "shapiq SPEX": by_shapiq(peers.SPEX, index="SV", max_order=1),
    }


def uniform_kernel_shap(worth: Worth, players: int, budget: int, seed: int) -> Floats:
    """Return shapiq's KernelSHAP with uniform sizes and pairs: close to LeverageSHAP."""
    weights = np.r_[0.0, np.ones(players - 1), 0.0]
    make = by_shapiq(peers.KernelSHAP, pairing_trick=True, sampling_weights=weights)
    return make(worth, players, budget, seed)


def error(game: Game, row: int, values: Floats) -> float:
    """Return the squared error, normalized."""
    exact = game.exact[row]
    return float(((values - exact) ** 2).sum() / (exact**2).sum())


def measured(game: Game, estimate: Estimate, seeds: int) -> float:
    """Return the mean error over rows and seeds; NaN where the estimator does not run."""
    n, errors = game.exact.shape[1], []
    for row in range(len(game.rows)):
        worth = game.worth(row)
        for seed in range(seeds):
            try:
                errors.append(
                    error(game, row, estimate(worth, n, PER_PLAYER * n, 100 * seed + row))
                )
            except (ValueError, IndexError, TypeError):  # too small a budget for it, or a defect
                return float("nan")
    return float(np.mean(errors))


def covered(game: Game, repeats: int, sampling: Sampling) -> tuple[float, float]:
    """Return mean error and coverage of 95 % intervals of ours."""
    n, inside, errors = game.exact.shape[1], [], []
    for i in range(repeats):
        row, seed = i % len(game.rows), 10_000 + i
        values, stderr = ours(game.worth(row), n, PER_PLAYER * n, seed, sampling=sampling)
        exact = game.exact[row]
        size = np.abs(exact).max()
        near = np.abs(values - exact) <= 1.96 * stderr + 1e-6 * size  # models say float32
        inside.append(near[np.abs(exact) >= 0.02 * size])
        errors.append(error(game, row, values))
    return float(np.mean(errors)), float(np.concatenate(inside).mean())


def main(seeds: int = SEEDS, repeats: int = REPEATS, peers_named: tuple[str, ...] = ("",)) -> None:
    """Print one table of errors, their ratio to ours, and coverage of ours."""
    print("| game | estimator | error | times ours | coverage of 95 % |")
    print("|---|---|---|---|---|")
    for game in games():
        best, share = covered(game, repeats, "leverage")
        print(f"| {game.name} | whence KernelShap | {best:.2e} | 1 | {100 * share:.1f} % |")
        classic, share = covered(game, repeats, "classic")
        line = f"| {game.name} | whence KernelShap, classic | {classic:.2e} | {classic / best:.3g}"
        print(f"{line} | {100 * share:.1f} % |", flush=True)
        for name, estimate in estimators().items():
            if not any(part in name for part in peers_named):
                continue
            slow = any(word in name for word in SLOW)
            theirs = measured(game, estimate, SLOW_SEEDS if slow else seeds)
            said = f"{theirs:.2e} | {theirs / best:.3g}"
            said = "does not run | " if np.isnan(theirs) else said
            print(f"| {game.name} | {name} | {said} | |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # peers warn about their own insides
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--peers", nargs="+", default=[""], help="parts of their names")
    chosen = parser.parse_args()
    main(chosen.seeds, chosen.repeats, tuple(chosen.peers))
