"""What tree explainers are known to get wrong, as tests: deep trees, categories, interactions."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

import whence as wh
from reference.shapley import k_sii, shapley
from whence.core.types import Floats

NAMES = ("a", "b", "c")


def coalitions(p: int) -> Any:  # noqa: ANN401  a bool array of shape (2**p, p)
    return ((np.arange(2**p)[:, None] >> np.arange(p)) & 1).astype(bool)


def game(predict: Any, x: pd.DataFrame, Z: pd.DataFrame) -> Floats:  # noqa: ANN401  a function
    """Return v(S), asked of the model itself with hybrids of one row and a background."""
    worth = []
    for known in coalitions(Z.shape[1]):
        hybrid = Z.copy()
        for column in Z.columns[known]:
            value = pd.Series([x[column].iloc[0]] * len(Z), index=Z.index)
            hybrid[column] = value.astype(Z[column].dtype)
        worth.append(np.asarray(predict(hybrid)).reshape(len(Z), -1).mean(axis=0))
    return np.array(worth)


def assert_values(e: wh.Attribution, predict: Any, X: pd.DataFrame, Z: pd.DataFrame) -> None:  # noqa: ANN401
    for i in range(len(e)):
        v = game(predict, X.iloc[[i]], Z)
        assert_allclose(e.values[i], shapley(v, Z.shape[1]), atol=1e-9)


def assert_pairs(e: wh.Interaction, predict: Any, X: pd.DataFrame, Z: pd.DataFrame) -> None:  # noqa: ANN401
    for i in range(len(e)):
        truth = k_sii(game(predict, X.iloc[[i]], Z), Z.shape[1], 2)
        for S, value in zip(e.sets, e.values[i], strict=True):
            assert_allclose(value, truth.pop(tuple(int(j) for j in S if j >= 0)), atol=1e-9)
        assert_allclose(list(truth.values()), 0, atol=1e-9)


def wide_sparse(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return mostly zeros in many columns: trees on it become long chains."""
    X = (rng.random((300, 120)) < 0.02) * rng.random((300, 120))
    return X, X @ rng.normal(size=120) + rng.normal(size=300)


@pytest.mark.parametrize("background", [False, True])
def test_very_deep_trees_add_up(background: bool) -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    X, y = wide_sparse(np.random.default_rng(0))
    model = ExtraTreesRegressor(3, random_state=0).fit(X, y)
    assert max(tree.get_depth() for tree in model.estimators_) > 60

    e = wh.explain(model, X[:20], wh.TreeShap(background=X[:30] if background else None))

    assert_allclose(e.residual, 0, atol=1e-9)
    assert_allclose(e.outputs[:, 0], model.predict(X[:20]), atol=1e-12)
    assert np.abs(e.values).max() < np.ptp(y)


def test_interactions_of_very_deep_trees_add_up() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    X, y = wide_sparse(np.random.default_rng(0))
    model = ExtraTreesRegressor(1, random_state=0).fit(X, y)

    e = wh.explain(model, X[:5], wh.TreeInteractions())

    assert_allclose(e.residual, 0, atol=1e-9)


def test_sparse_rows_are_explained_as_dense_ones() -> None:
    from sklearn.ensemble import RandomForestRegressor

    X, y = wide_sparse(np.random.default_rng(0))
    model = RandomForestRegressor(3, max_depth=5, random_state=0).fit(X, y)

    e = wh.explain(model, sparse.csr_matrix(X[:5]))

    assert_allclose(e.values, wh.explain(model, X[:5]).values, atol=0)


def categories(rng: np.random.Generator, n: int, levels: int) -> tuple[pd.DataFrame, Floats]:
    """Return two columns of categories and a number, whose target reads sets of categories."""
    names = [f"level {i:03}" for i in range(levels)]
    X = pd.DataFrame(
        {
            "a": pd.Categorical(rng.choice(names, n), categories=names),
            "b": rng.normal(size=n),
            "c": pd.Categorical(rng.choice(names[:4], n), categories=names[:4]),
        }
    )
    a, c = X["a"].cat.codes.to_numpy(), X["c"].cat.codes.to_numpy()
    effect = rng.normal(size=levels) * 2
    return X, effect[a] * (1 + (c == 0)) + X["b"].to_numpy() * (c >= 2)


@pytest.mark.parametrize("levels", [6, 40, 200])
def test_categories_of_histogram_boosting(levels: int) -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    X, y = categories(np.random.default_rng(0), 800, levels)
    model = HistGradientBoostingRegressor(
        categorical_features="from_dtype", max_iter=15, min_samples_leaf=3, random_state=0
    ).fit(X, y)

    plain = wh.explain(model, X[:30])
    e = wh.explain(model, X[:4], wh.TreeShap(background=X[100:120]))

    assert_allclose(plain.residual, 0, atol=1e-9)
    assert_allclose(plain.outputs[:, 0], model.predict(X[:30]), atol=1e-12)
    assert_values(e, model.predict, X[:4], X[100:120])


@pytest.mark.parametrize("levels", [6, 40, 200])
def test_categories_of_lightgbm_in_every_mode(levels: int) -> None:
    import lightgbm

    X, y = categories(np.random.default_rng(1), 800, levels)
    model = lightgbm.LGBMRegressor(
        n_estimators=15, min_child_samples=3, cat_smooth=1, cat_l2=1, verbose=-1, n_jobs=1
    ).fit(X, y)
    rows, Z = X[:4], X[100:120]
    modes = [wh.TreeShap(), wh.TreeInteractions(), wh.TreeShap(background=Z)]

    for method in modes:
        assert_allclose(wh.explain(model, X[:30], method).residual, 0, atol=1e-9)
    assert_values(wh.explain(model, rows, wh.TreeShap(background=Z)), model.predict, rows, Z)
    pairs = wh.explain(model, rows[:2], wh.TreeInteractions(background=Z))
    assert_pairs(pairs, model.predict, rows[:2], Z)


def test_categories_of_xgboost() -> None:
    import xgboost

    X, y = categories(np.random.default_rng(2), 800, 40)
    model = xgboost.XGBRegressor(
        n_estimators=10, max_depth=4, enable_categorical=True, max_cat_to_onehot=4, n_jobs=1
    ).fit(X, y)

    e = wh.explain(model, X[:4], wh.TreeShap(background=X[100:120]))

    assert_allclose(wh.explain(model, X[:30]).residual, 0, atol=1e-4)
    for i in range(4):
        v = game(model.predict, X.iloc[[i]], X[100:120])
        assert_allclose(e.values[i], shapley(v, 3), atol=1e-4)


def test_categories_of_catboost_are_explained_right_or_refused() -> None:
    import catboost

    X, y = categories(np.random.default_rng(3), 400, 6)
    model = catboost.CatBoostRegressor(
        iterations=10,
        depth=4,
        cat_features=["a", "c"],
        one_hot_max_size=2,
        verbose=False,
        allow_writing_files=False,
        thread_count=1,
    ).fit(X, y)

    try:
        e = wh.explain(model, X[:4], wh.TreeShap(background=X[100:120]))
    except wh.UnsupportedModelError as refusal:
        assert "categor" in str(refusal)  # noqa: PT017  either is right, and said so
    else:
        assert_values(e, model.predict, X[:4], X[100:120])


def test_codes_of_categories_follow_the_frame_the_model_was_trained_on() -> None:
    import lightgbm

    X, y = categories(np.random.default_rng(4), 400, 6)
    model = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(X, y)
    few = X[:6].copy()
    for column in ("a", "c"):
        few[column] = few[column].cat.remove_unused_categories()

    e = wh.explain(model, few)

    assert_allclose(e.outputs[:, 0], model.predict(few), atol=1e-12)
    assert_allclose(e.values, wh.explain(model, X[:6]).values, atol=0)


def numbers(n: int = 1200) -> tuple[pd.DataFrame, Floats]:
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list(NAMES))
    return X, (X["a"] * X["b"] + X["c"]).to_numpy()


def test_interventional_interactions_are_not_zero_but_right() -> None:
    from sklearn.ensemble import RandomForestRegressor

    X, y = numbers(300)
    model = RandomForestRegressor(4, max_depth=5, random_state=0).fit(X, y)

    e = wh.explain(model, X[:3], wh.TreeInteractions(background=X[50:80]))

    pairs = (e.sets >= 0).sum(axis=1) == 2
    assert np.abs(e.values[:, pairs]).max() > 0.1
    assert_pairs(e, model.predict, X[:3], X[50:80])
    assert_allclose(e.matrix().sum(axis=(1, 2)), e.outputs - e.base_values, atol=1e-9)


def test_all_rows_of_a_large_background_are_used() -> None:
    from sklearn.ensemble import RandomForestRegressor

    X, y = numbers()
    model = RandomForestRegressor(4, max_depth=5, random_state=0).fit(X, y)
    Z = X[200:]

    e = wh.explain(model, X[:2], wh.TreeShap(background=Z))
    first_hundred = wh.explain(model, X[:2], wh.TreeShap(background=Z[:100]))

    assert len(Z) == 1000
    assert_values(e, model.predict, X[:2], Z)
    assert np.abs(e.values - first_hundred.values).max() > 1e-3
    assert_allclose(e.base_values, model.predict(Z).mean(), atol=1e-9)


@pytest.mark.parametrize("background", [False, True])
def test_gradient_boosting_of_many_classes(background: bool) -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    X, y = numbers(200)
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
    model = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(X, labels)

    e = wh.explain(model, X[:5], wh.TreeShap(background=X if background else None))

    assert e.values.shape == (5, 3, 3)
    assert e.names.outputs == tuple(model.classes_)
    assert_allclose(e.outputs, model.decision_function(X[:5]), atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-9)


def test_isolation_forest_path_length_gives_its_score() -> None:
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._iforest import _average_path_length

    X, _ = numbers(300)
    model = IsolationForest(n_estimators=20, max_samples=64, random_state=0).fit(X)

    e = wh.explain(model, X[:20])

    # The score is -2 ** -(mean depth / c(max_samples)): Liu et al. 2008, equation 2.
    score = -(2.0 ** (-e.outputs[:, 0] / _average_path_length(np.array([64]))[0]))
    assert_allclose(e.residual, 0, atol=1e-9)
    assert_allclose(score, model.score_samples(X[:20]), atol=1e-12)
    assert e.provenance.unit == "path length"


@pytest.mark.parametrize("classes", [2, 3])
def test_every_row_and_output_has_one_base_value(classes: int) -> None:
    from sklearn.ensemble import RandomForestClassifier

    X, y = numbers(200)
    labels = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    model = RandomForestClassifier(4, max_depth=3, random_state=0).fit(X, labels)

    e = wh.explain(model, X[:5])

    outputs = 1 if classes == 2 else classes
    assert e.base_values.shape == e.outputs.shape == (5, outputs)
    assert e.values.shape == (5, 3, outputs)
    assert e[2].base_values.shape == (1, outputs)
    assert all(np.ptp(e.base_values, axis=0) == 0)


def test_a_tree_of_more_nodes_than_sixteen_bits_number() -> None:
    from sklearn.tree import ExtraTreeRegressor

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20_000, 6)), rng.normal(size=20_000)
    model = ExtraTreeRegressor(random_state=0).fit(X, y)
    assert model.tree_.node_count > 2**15

    e = wh.explain(model, X[:3])

    assert_allclose(e.residual, 0, atol=1e-9)
    assert_allclose(e.outputs[:, 0], y[:3], atol=1e-12)


def test_the_model_is_what_is_verified_and_not_our_reading_of_it() -> None:
    from sklearn.tree import DecisionTreeRegressor

    class Shifted(DecisionTreeRegressor):  # type: ignore[misc]  # sklearn has no types
        def predict(self, X: object, check_input: bool = True) -> Floats:
            return np.asarray(super().predict(X, check_input) + 1)

    X, y = numbers(50)
    model = Shifted(max_depth=2).fit(X, y)

    with pytest.raises((wh.VerificationError, wh.UnsupportedModelError)):
        wh.explain(model, X)


def test_a_pair_that_is_explained_once_can_be_saved_and_read_by_anyone(tmp_path: Any) -> None:  # noqa: ANN401
    from sklearn.tree import DecisionTreeRegressor

    X, y = numbers(50)
    e = wh.explain(DecisionTreeRegressor(max_depth=2).fit(X, y), X[:3])

    back = wh.load(e.save(tmp_path / "loan.whence"))

    assert_allclose(back.values, e.values, atol=0)
    assert back.names == e.names
