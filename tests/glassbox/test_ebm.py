"""The terms of an additive model add up to what the model itself says."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import whence as wh
from whence.core.errors import InputError, UnsupportedModelError, VerificationError
from whence.core.types import Floats
from whence.glassbox.ebm import TermEffects, Terms
from whence.models.additive import Additive
from whence.models.views import view_of

rng = np.random.default_rng(0)
N = 500
X = pd.DataFrame(
    {
        "a": rng.normal(size=N),
        "b": rng.choice(["x", "y", "z"], N),
        "c": rng.normal(size=N),
        "n": rng.integers(0, 3, N),
        "t": rng.integers(0, 2, N).astype(bool),
        "k": pd.Categorical(rng.choice([1, 2, 3], N)),
    }
)
X.loc[::17, "a"] = np.nan
signal = np.where(X["b"] == "x", 1, 0) * (X["c"] > 0) + (X["n"] == 2) + rng.integers(0, 2, N)
SETTINGS: dict[str, Any] = {"outer_bags": 3, "max_rounds": 40, "interactions": 2, "n_jobs": 1}


def fitted(kind: str) -> Any:  # noqa: ANN401  a model of interpret
    with warnings.catch_warnings():  # it warns of what its own pictures do not show
        warnings.simplefilter("ignore")
        return trained(kind)


def trained(kind: str) -> Any:  # noqa: ANN401  a model of interpret
    if kind == "binary":
        return ExplainableBoostingClassifier(**SETTINGS).fit(X, signal > 1)
    if kind == "classes":
        return ExplainableBoostingClassifier(**SETTINGS).fit(X, np.minimum(signal, 2))
    objective = {"numbers": "rmse", "counts": "poisson_deviance"}[kind]
    return ExplainableBoostingRegressor(**SETTINGS, objective=objective).fit(X, signal)


MODELS = {kind: fitted(kind) for kind in ("binary", "classes", "numbers", "counts")}


def raw(kind: str, frame: pd.DataFrame) -> Floats:
    model = MODELS[kind]
    if kind in ("binary", "classes"):
        return np.asarray(model.decision_function(frame)).reshape(len(frame), -1)
    said = model.predict(frame)
    return np.asarray(np.log(said) if kind == "counts" else said)[:, None]


@pytest.mark.parametrize("purify", [False, True])
@pytest.mark.parametrize("kind", list(MODELS))
def test_terms_add_up_to_the_model(kind: str, purify: bool) -> None:
    strange = X.copy()
    strange.loc[3, "b"] = "never seen"
    strange.loc[4, "b"] = None
    strange.loc[5, "a"] = 1e9
    strange.loc[6, "n"] = -5

    e = wh.explain(MODELS[kind], strange, Terms(purify=purify))

    assert_allclose(e.base_values + e.values.sum(axis=1), raw(kind, strange), atol=1e-9)
    assert_allclose(e.residual, 0, atol=1e-9)
    assert len(e.names.features) == 8
    assert " x " in e.names.features[-1]
    assert e.stderr is not None
    assert (e.stderr >= 0).all()


@pytest.mark.parametrize("kind", ["binary", "classes"])
def test_terms_are_those_of_interpret(kind: str) -> None:
    e = wh.explain(MODELS[kind], X, Terms())
    theirs = MODELS[kind].eval_terms(X)
    assert_allclose(e.values, theirs.reshape(e.values.shape), atol=1e-12)
    assert_allclose(e.base_values[0], MODELS[kind].intercept_)


def test_purified_pairs_have_no_mean_along_a_bin_and_the_rest_has_it() -> None:
    model = MODELS["numbers"]
    pure = wh.explain(model, X, TermEffects(purify=True))
    view = view_of(model, Additive)
    assert isinstance(view, Additive)
    for curve in pure.curves:
        if len(curve.features) == 2:
            assert curve.density is not None
            moved = curve.density[..., None] * curve.values
            assert_allclose(moved.sum(axis=0), 0, atol=1e-10)
            assert_allclose(moved.sum(axis=1), 0, atol=1e-10)


def test_curves_are_what_the_terms_say() -> None:
    """Every position of a curve, asked as a row, has that term."""
    model = MODELS["binary"]
    for purify in (False, True):
        effect = wh.explain(model, X, TermEffects(purify=purify))
        for name in ("a", "b", "n", "k"):
            curve = effect.curve(name)
            rows = X.iloc[np.zeros(len(curve.grid[0]), dtype=int)].copy()
            told = [curve.position(0, i) for i in range(len(rows))]
            if name == "k":
                rows["k"] = pd.Categorical(told, categories=[1, 2, 3])
            elif name == "b":
                rows["b"] = told
            else:
                rows[name] = np.array(told, dtype=float)
            e = wh.explain(model, rows, Terms(purify=purify))
            j = e.names.features.index(name)
            assert_allclose(e.values[:, j], curve.values, atol=1e-12)
            assert e.stderr is not None
            assert curve.high is not None
            assert_allclose(curve.high, curve.values + 1.96 * e.stderr[:, j], atol=1e-12)
            assert curve.density is not None
            assert_allclose(curve.density.sum(), 1)
    assert np.isnan(effect.curve("a").grid[0][-1])  # there were missing values in training
    assert not np.isnan(effect.curve("n").grid[0]).any()


def test_a_pair_without_own_terms_is_purified_into_some() -> None:
    model = pickle.loads(pickle.dumps(MODELS["numbers"]))  # noqa: S301  our own bytes
    own = [t for t, f in enumerate(model.term_features_) if len(f) == 1]
    model.remove_terms(own)

    e = wh.explain(model, X, Terms(purify=True))

    assert sum(" x " not in name for name in e.names.features) >= 2
    assert_allclose(e.residual, 0, atol=1e-9)


def test_arrays_and_one_row_at_a_time() -> None:
    Z = rng.normal(size=(300, 3))
    model = ExplainableBoostingRegressor(**SETTINGS).fit(Z, Z[:, 0] * Z[:, 1])
    together = wh.explain(model, Z, Terms())
    assert together.names.features[:3] == ("x0", "x1", "x2")
    for i in (0, 7):
        alone = wh.explain(model, Z[i : i + 1], Terms())
        assert alone.values.tobytes() == together.values[i : i + 1].tobytes()


def test_linear_models_have_terms_in_the_columns_of_the_user() -> None:
    frame = X[["b", "c"]]
    steps = make_column_transformer((OneHotEncoder(), ["b"]), (StandardScaler(), ["c"]))
    model = make_pipeline(steps, LogisticRegression()).fit(frame, signal > 1)

    plain = wh.explain(model, frame, Terms())
    centered = wh.explain(model, frame, Terms(background=frame))
    effect = wh.explain(model, frame, TermEffects())

    assert plain.names.features == ("b", "c")
    assert_allclose(plain.base_values[0, 0] + plain.values.sum(axis=1)[:, 0],
                    model.decision_function(frame))  # fmt: skip
    assert_allclose(centered.values.mean(axis=0), 0, atol=1e-12)
    assert_allclose(centered.residual, 0, atol=1e-9)
    slope = np.diff(effect.curve("c").values[:, 0]) / np.diff(effect.curve("c").grid[0])
    assert_allclose(slope, model[-1].coef_[0, -1] / model[0].transformers_[1][1].scale_[0])
    assert effect.curve("b").levels[0] == ("x", "y", "z")
    assert_allclose(effect.curve("b").density, frame["b"].value_counts(normalize=True).sort_index())


def test_it_is_saved_and_pickled(tmp_path: Path) -> None:
    method = pickle.loads(pickle.dumps(TermEffects()))  # noqa: S301  our own bytes
    e = wh.explain(MODELS["numbers"], X, method)
    again = wh.load(e.save(tmp_path / "terms.whence"))
    for mine, loaded in zip(e.curves, again.curves, strict=True):
        assert_array_equal(mine.values, loaded.values)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(InputError, match="not fitted"):
        wh.explain(ExplainableBoostingClassifier(), X, Terms())
    tree = DecisionTreeRegressor().fit(X[["c"]], signal)
    with pytest.raises(UnsupportedModelError, match="sum of terms"):
        wh.explain(tree, X[["c"]], Terms())
    with pytest.raises(InputError, match="lacks 'k'"):
        wh.explain(MODELS["numbers"], X.drop(columns="k"), Terms())
    with pytest.raises(InputError, match="'probability' was asked"):
        wh.explain(MODELS["binary"], X, Terms(), output="probability")
    with pytest.raises(InputError, match="background does not fit"):
        wh.explain(MODELS["binary"], X, Terms(background=X[["a"]]))


def test_a_model_that_says_something_else_is_not_explained() -> None:
    model = LinearRegression().fit(X[["c"]], signal)
    bound = wh.bind(model, Terms())
    model.coef_ = model.coef_ + 1
    with pytest.raises(VerificationError, match="add up to"):
        bound.explain(X[["c"]])
