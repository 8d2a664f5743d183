"""Values of linear models are those of the definition, for independent and correlated columns."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import whence as wh
from reference.shapley import shapley
from whence.core.types import Floats
from whence.explainers.linear_shap import LinearShap
from whence.kernels.gaussian import Telling

Anything: TypeAlias = Any

RNG = np.random.default_rng(8)
ROWS = 120
FRAME = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, size=ROWS).astype(float),
        "job": RNG.choice(["baker", "clerk", "nurse"], size=ROWS),
        "income": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.lognormal(size=ROWS)),
        "city": RNG.choice(["Oslo", "Rome"], size=ROWS),
    }
)
FRAME["age"] += 20.0 * (FRAME["job"] == "nurse")
Y = FRAME["age"] / 20 + 2 * (FRAME["job"] == "clerk") + FRAME["income"].fillna(3)


def people(model: Anything, *, drop: str | None = None) -> Pipeline:
    """Return a model in the usual pipeline: numbers imputed and scaled, text one-hot."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    return make_pipeline(
        ColumnTransformer(
            [
                ("number", numbers, ["age", "income"]),
                ("text", OneHotEncoder(drop=drop), ["city", "job"]),
            ]
        ),
        model,
    )


def plain(coefficients: Floats, intercept: float | Floats = 0.0) -> LinearRegression:
    """Return a model with these coefficients, of shape (columns,) or (outputs, columns)."""
    model = LinearRegression()
    model.coef_, model.intercept_ = np.asarray(coefficients, dtype=np.float64), intercept
    model.n_features_in_ = np.shape(coefficients)[-1]
    return model


def coalitions(p: int) -> Anything:
    """Return who is in each coalition, (2**p, p), in the order of the reference."""
    return (np.arange(2**p)[:, None] >> np.arange(p)) & 1 == 1


def independent(ask: Anything, row: pd.DataFrame, background: pd.DataFrame) -> Floats:
    """Return the values of v(S) = mean of the model over the background with the row put in."""
    worth = []
    for inside in coalitions(row.shape[1]):
        mixed = background.copy()
        for name in row.columns[inside]:
            mixed[name] = row[name].iloc[0]
        worth.append(np.asarray(ask(mixed)).reshape(len(mixed), -1).mean(axis=0))
    return shapley(np.array(worth), row.shape[1])


def gaussian(g: Floats, x: Floats, Z: Floats, player: Floats | None = None) -> Floats:
    """Return the values of v(S) = g' E[x | x_S], straight from the conditional Gaussian."""
    player = np.arange(len(g)) if player is None else player
    mean, scale = Z.mean(axis=0), np.where(Z.std(axis=0) > 0, Z.std(axis=0), 1.0)
    covariance = np.atleast_2d(np.cov(Z / scale, rowvar=False, bias=True))
    worth = []
    for inside in coalitions(int(player.max()) + 1):
        S = inside[player]
        expected = (mean / scale).copy()
        given = covariance[np.ix_(~S, S)] @ np.linalg.pinv(covariance[np.ix_(S, S)], rcond=1e-10)
        expected[~S] += given @ ((x - mean) / scale)[S]
        expected[S] = (x / scale)[S]
        worth.append(g.T @ (expected * scale))
    return shapley(np.array(worth).reshape(len(worth), -1), int(player.max()) + 1)


def correlated(model: Anything, rows: object, background: object, **more: Anything) -> Anything:
    """Explain with correlated columns."""
    method = LinearShap(background=background, feature_dependence="correlated", **more)
    return wh.explain(model, rows, method, rng=3)


@pytest.mark.parametrize("outputs", [2, 3])
def test_independent_values_are_those_of_the_definition(outputs: int) -> None:
    y = np.digitize(Y, np.quantile(Y, np.arange(1, outputs) / outputs))
    model = people(LogisticRegression(max_iter=500)).fit(FRAME, y)
    rows, background = FRAME[:3], FRAME[50:60]

    e = wh.explain(model, rows, LinearShap(background=background))

    truth = [independent(model.decision_function, rows[i : i + 1], background) for i in range(3)]
    assert_allclose(e.values, truth, atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-12)
    assert_allclose(e.base_values[0], np.mean(model.decision_function(background), axis=0))
    assert e.stderr is None
    assert e.names.features == tuple(FRAME.columns)
    assert e.names.outputs == (("1",) if outputs == 2 else ("0", "1", "2"))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    columns=st.integers(1, 6),
    rank=st.integers(1, 6),
    outputs=st.integers(1, 2),
)
def test_correlated_values_are_those_of_the_definition(
    seed: int, columns: int, rank: int, outputs: int
) -> None:
    rng = np.random.default_rng(seed)
    # few whole numbers: columns that are equal, constant, or sums of others come often
    Z = rng.integers(-2, 3, (12, rank)) @ rng.integers(-1, 2, (rank, columns)) * 3.0 + 1.0
    x = rng.normal(size=columns) * 5  # off the plane of the background, where there is one
    g = rng.normal(size=(outputs, columns))

    e = correlated(plain(g, np.ones(outputs)), x[None], Z)

    assert_allclose(e.values[0], gaussian(g.T, x, Z), atol=1e-8)
    assert_allclose(e.residual, 0, atol=1e-10)
    assert e.stderr is None


def test_the_parts_of_an_encoding_are_known_jointly() -> None:
    model = people(LinearRegression()).fit(FRAME, Y)
    design = np.asarray(model[:-1].transform(FRAME))
    player = np.array([0, 2, 2, 3, 3, 1, 1, 1])

    e = correlated(model, FRAME[:4], FRAME)

    truth = [gaussian(model[-1].coef_[:, None], x, design, player) for x in design[:4]]
    assert_allclose(e.values, truth, atol=1e-10)
    alone = wh.explain(model, FRAME[:4], LinearShap(background=FRAME))
    assert np.abs(e.values - alone.values).max() > 0.05


def test_two_columns_have_a_closed_form() -> None:
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(50, 2)) @ [[1.0, 2.0], [0.0, 1.0]]
    (a, c), (_, b) = np.cov(Z, rowvar=False)
    x, y = (away := Z[0] - Z.mean(axis=0))

    e = correlated(plain(np.array([2.0, -3.0]), 7.0), Z[:1], Z)

    shift = (-3.0 * c / a * x - 2.0 * c / b * y) / 2
    assert_allclose(e.values[0, :, 0], [2 * x + shift, -3 * y - shift], rtol=1e-12)
    assert_allclose(e.base_values, 7 + 2 * Z[:, 0].mean() - 3 * Z[:, 1].mean())
    assert away.any()


def test_a_column_that_is_not_read_is_worth_what_it_tells() -> None:
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(200, 3))
    Z[:, 1] += Z[:, 0]
    Z[:, 2] -= Z[:, :2] @ np.linalg.lstsq(Z[:, :2], Z[:, 2])[0]
    Z -= Z.mean(axis=0)
    Z[:, 2] -= Z[:, :2] @ np.linalg.lstsq(Z[:, :2], Z[:, 2])[0]  # now uncorrelated with both
    model = plain(np.array([1.0, 0.0, 0.0]))

    alone, told = wh.explain(model, Z[:5], LinearShap(background=Z)), correlated(model, Z[:5], Z)

    assert_allclose(alone.values[:, 1:], 0, atol=1e-14)
    assert np.abs(told.values[:, 1]).max() > 0.1
    assert_allclose(told.values[:, 2], 0, atol=1e-12)


def test_equal_columns_share_and_units_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(60, 3)) + 5
    Z[:, 1] = Z[:, 0]
    factor = np.array([1e6, 1e-6, 1.0])
    g = np.array([2.0, 5.0, 1.0])

    e = correlated(plain(g), Z[:4], Z)
    scaled = correlated(plain(g / factor), Z[:4] * factor, Z * factor)

    assert_allclose(e.values[:, 0], e.values[:, 1], atol=1e-10)  # though one has a larger weight
    assert_allclose(e.residual, 0, atol=1e-12)
    assert_allclose(scaled.values, e.values, atol=1e-8)


def test_the_reference_level_of_an_encoding_does_not_matter() -> None:
    full = people(LinearRegression()).fit(FRAME, Y)
    less = people(LinearRegression(), drop="first").fit(FRAME, Y)

    assert_allclose(full.predict(FRAME), less.predict(FRAME))  # one function, two encodings
    assert_allclose(
        correlated(full, FRAME[:6], FRAME).values,
        correlated(less, FRAME[:6], FRAME).values,
        atol=1e-9,
    )


def test_constant_columns_and_columns_that_no_step_hands_on_are_worth_nothing() -> None:
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(30, 4))
    Z[:, 1] = 0.1
    model = make_pipeline(
        ColumnTransformer([("some", StandardScaler(), [0, 1, 2])]), LinearRegression()
    ).fit(Z + [0, 1, 0, 0] * rng.normal(size=(30, 1)), Z[:, 0] + Z[:, 2])

    e = correlated(model, Z[:3], Z)

    assert_allclose(e.values[:, [1, 3]], 0, atol=1e-14)
    everything = correlated(model, Z[:3], np.tile(Z[:1], (2, 1)))
    alone = wh.explain(model, Z[:3], LinearShap(background=Z[:1]))
    assert_allclose(everything.values, alone.values, atol=1e-13)  # nothing varies, nothing tells


def many(columns: int) -> tuple[LinearRegression, Floats]:
    """Return a model of many correlated columns and its background."""
    rng = np.random.default_rng(6)
    Z = rng.normal(size=(400, columns)) @ rng.normal(size=(columns, columns)) / 3
    return plain(rng.normal(size=(2, columns))), Z


def test_sampled_values_are_within_their_errors_of_the_exact_ones() -> None:
    model, Z = many(13)
    Z[:, 12] = Z[:, 11]  # the covariance is singular
    game = Telling.of(Z, np.arange(13, dtype=np.int32), model.coef_.T)
    away = Z[:30] - Z.mean(axis=0)
    shift = np.einsum("nu,puk->npk", away @ game.rotation, game.exact())
    truth = away[:, :, None] * model.coef_.T + shift

    e = correlated(model, Z[:30], Z, permutations=60)

    assert e.stderr is not None
    off = np.abs(e.values - truth) / e.stderr
    assert 0.5 < np.sqrt((off**2).mean()) < 1.5
    assert off.max() < 5
    assert_allclose(e.residual, 0, atol=1e-10)
    assert np.abs(shift).max() > 10 * e.stderr.max()


def test_sampled_values_depend_on_the_seed_alone() -> None:
    model, Z = many(14)
    method = LinearShap(background=Z, feature_dependence="correlated", permutations=5)
    e = wh.explain(model, Z[:40], method, rng=1)
    few = wh.explain(model, Z[7:9], method, rng=1, n_jobs=2)
    other = wh.explain(model, Z[:40], method, rng=2)

    assert_allclose(few.values, e.values[7:9], atol=1e-12)
    assert_array_equal(wh.bind(model, method).explain(Z[:40], rng=1).values, e.values)
    assert np.abs(other.values - e.values).max() > 1e-3


def test_what_comes_of_a_link_is_in_units_of_what_is_summed() -> None:
    X = np.abs(RNG.normal(size=(80, 3)))
    model = PoissonRegressor().fit(X, X.sum(axis=1))

    e = wh.explain(model, X[:4], LinearShap(background=X))

    assert e.provenance.unit == "log of the prediction"
    assert_allclose(e.base_values + e.values.sum(axis=1), np.log(model.predict(X[:4]))[:, None])
    assert e.provenance.model_digest.startswith("sha256:")
    assert e.provenance.settings["feature_dependence"] == "independent"


def test_frames_and_sparse_rows_of_any_library_are_explained() -> None:
    X = np.where(RNG.random((60, 3)) < 0.5, 0.0, RNG.normal(size=(60, 3)))
    frame = pl.DataFrame(X, schema=["a", "b", "c"])
    model, named = LinearRegression().fit(X, X.sum(axis=1)), LinearRegression()
    named.fit(frame, X.sum(axis=1))
    sparse = sp.csr_array(X)

    truth = (X - X.mean(axis=0))[:, :, None]
    for m, rows in ((model, X), (named, frame), (model, sparse)):
        values = wh.explain(m, rows, LinearShap(background=rows)).values
        assert_allclose(values, truth, atol=1e-12)


def test_a_background_that_is_too_small_for_its_columns_warns() -> None:
    model, Z = many(6)

    e = correlated(model, Z[:3], Z[:7])

    assert any("too few" in warning for warning in e.provenance.warnings)
    assert_allclose(e.residual, 0, atol=1e-10)
    assert not correlated(model, Z[:3], Z).provenance.warnings


def test_a_model_that_was_changed_after_binding_is_not_explained() -> None:
    model, Z = many(4)
    explainer = wh.bind(model, LinearShap(background=Z))
    explainer.explain(Z[:3])
    model.coef_ = model.coef_ * 1.001

    with pytest.raises(wh.VerificationError, match="bind it again"):
        explainer.explain(Z[:3])
    assert_allclose(wh.explain(model, Z[:3], LinearShap(background=Z)).residual, 0, atol=1e-10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"background is None.*LinearShap\(background=X_train\)"),
        ({"background": np.zeros((5, 3))}, "The background does not fit the model"),
        ({"background": np.full((5, 14), np.nan)}, "missing in column 'x0'"),
        ({"background": "rows"}, "The background does not fit the model"),
        ({"feature_dependence": "conditional"}, r"'conditional'\. Give one of 'independent', 'c"),
        ({"permutations": 1}, r"permutations is 1\."),
        ({"permutations": 2.0}, r"permutations is 2\.0"),
        ({"permutations": 10**6}, r"14 columns and 2 outputs need 3\.1 GB"),
        ({"background": np.zeros((1, 14))}, "has 1 row and"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: Anything, message: str) -> None:
    model, Z = many(14)
    given = {"feature_dependence": "correlated", **({"background": Z} if settings else {})}

    with pytest.raises(wh.InputError, match=message):
        wh.bind(model, LinearShap(**(given | settings)))


def test_responses_that_are_no_sums_are_refused() -> None:
    model = people(LogisticRegression(max_iter=500)).fit(FRAME, Y > 4)

    with pytest.raises(wh.InputError, match=r"'probability'.*ExactShap"):
        wh.explain(model, FRAME, LinearShap(background=FRAME), output="probability")
