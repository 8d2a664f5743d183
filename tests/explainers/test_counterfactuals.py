"""A counterfactual does what is wanted, keeps every constraint, and is near."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC
from xgboost import XGBClassifier

import whence as wh
from reference.changed_rows import Row, broken, cost, nearest
from whence.core.constraints import Constraints
from whence.core.examples import Examples
from whence.core.types import Bools, Floats
from whence.explainers.counterfactuals import Counterfactuals

JOBS = ("clerk", "smith", "nurse", "judge")
RANK = {"clerk": 0.0, "smith": 1.0, "nurse": 2.0, "judge": 3.0}
TOWNS = (("Ulm", 1), ("Bonn", 2), ("Kiel", 3), ("Ulm", 4))


def frame(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    place = rng.integers(len(TOWNS), size=n)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, size=n),
            "pay": np.round(rng.uniform(5, 95, size=n), 2).astype(np.float32),
            "debt": np.where(rng.random(n) < 0.1, np.nan, np.round(rng.uniform(0, 50, n), 1)),
            "job": pd.Categorical(rng.choice(JOBS, size=n), categories=JOBS),
            "town": [TOWNS[k][0] for k in place],
            "zip": [TOWNS[k][1] for k in place],
            "member": rng.random(n) < 0.5,
        }
    )


Z = frame(150, 0)


def score(X: pd.DataFrame) -> Floats:
    """Return the probability of a loan: bent, with effects that depend on each other."""
    job = np.array([RANK.get(word, 0.0) for word in X["job"]])
    raw = (
        0.04 * X["pay"].to_numpy(dtype=float)
        - 0.05 * np.nan_to_num(X["debt"].to_numpy(dtype=float), nan=20.0)
        + 0.4 * job * (X["age"].to_numpy() > 40)
        + 0.3 * (X["town"] == "Kiel").to_numpy()
        + 0.2 * X["member"].to_numpy(dtype=float)
        - 1.5
    )
    return np.asarray(1 / (1 + np.exp(-raw)))


def rows_of(X: pd.DataFrame) -> list[Row]:
    return [dict(row) for row in X.to_dict("records")]


def found(e: Examples, X: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Return each candidate as the user would write it, in the types of ``X``."""
    told = e.to_frame()
    out = []
    for i in range(len(told)):
        line = told.iloc[[i]]
        cells = {c: line[c].to_numpy() for c in X.columns}
        where = int(np.flatnonzero(X.index.astype(str) == str(line["row"].iloc[0]))[0])
        out.append((where, pd.DataFrame(cells).astype(dict(X.dtypes))))
    return out


def check(
    e: Examples, X: pd.DataFrame, limits: Constraints, does: Callable[[Floats], Bools]
) -> None:
    """Ask the model anew about what was handed back, and check it by the definition."""
    before, background = rows_of(X), rows_of(Z)
    for i, row in found(e, X):
        assert does(score(row)).all()
        after = rows_of(row)[0]
        assert broken(limits, before[i], after, background) == []


def above(p: Floats) -> Bools:
    return np.asarray(p >= 0.5)


def test_every_row_handed_back_does_it_when_the_model_is_asked_anew() -> None:
    X = frame(12, 1)
    e = wh.explain(score, X, Counterfactuals(background=Z, target=(0.5, None), count=3), rng=0)

    assert e.valid[:, 0].all()
    assert set(e.status) <= {"found", "optimal"}
    check(e, X, Constraints(), above)
    assert (score(X)[e.distance[:, 0] == 0] >= 0.5).all()  # a row that does it already is its own
    assert (e.distance[:, 0][score(X) < 0.5] > 0).all()


@pytest.mark.parametrize(
    "limits",
    [
        Constraints(immutable=("age", "job", "member")),
        Constraints(increase=("age",), decrease=("pay",)),
        Constraints(increase=("job",), order={"job": JOBS}),
        Constraints(bounds={"debt": (5, 30), "age": (20, 65)}),
        Constraints(step={"pay": 2.5, "age": 5}),
        Constraints(transitions={"job": {"clerk": ("smith",), "smith": ("nurse", "judge")}}),
        Constraints(transitions={"job": ("nurse",), "town": ("Ulm",)}),
        Constraints(linear=(({"pay": 1.0, "age": -1.0}, "<=", 10.0),)),
        Constraints(linear=(({"age": 1.0}, ">=", 30.0), ({"pay": 1, "age": 2}, "<=", 200))),
        Constraints(
            implications=(
                (("job", "rises"), ("age", "rises", 2)),
                (("pay", "changes"), ("age", "rises")),
            ),
            order={"job": JOBS},
        ),
        Constraints(together=(("town", "zip"),)),
        Constraints(cost={"pay": 5.0, "job": 0.1}),
    ],
    ids=lambda limits: next(
        name for name in ("immutable", "increase", "bounds", "step", "transitions", "linear",
                          "implications", "together", "cost") if getattr(limits, name)
    ),
)  # fmt: skip
def test_each_kind_of_constraint_is_kept(limits: Constraints) -> None:
    X = frame(8, 2)
    method = Counterfactuals(background=Z, target=(0.5, None), constraints=limits, count=2)
    e = wh.explain(score, X, method, rng=0)

    assert e.valid[:, 0].mean() > 0.7
    check(e, X, limits, above)
    assert all(note for note, ok in zip(e.notes, e.valid[:, 0], strict=True) if not ok)


@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(st.data())
def test_whatever_the_constraints_are_they_are_kept(data: st.DataObject) -> None:
    numbers, words = ["age", "pay", "debt"], ["job", "town"]
    free = data.draw(st.permutations(["age", "pay", "debt", "job", "member"]))
    limits = Constraints(
        immutable=tuple(free[:1]),
        increase=tuple(c for c in free[1:2] if c in numbers),
        decrease=tuple(c for c in free[2:3] if c in numbers),
        bounds={"pay": (data.draw(st.floats(0, 30)), data.draw(st.floats(60, 99)))},
        step={c: data.draw(st.sampled_from([1, 3, 10])) for c in free[3:4] if c in numbers},
        transitions={c: data.draw(st.sampled_from([("judge",), ("nurse", "smith")]))
                     for c in free[3:] if c in words and c == "job"},
        linear=((({"pay": 1.0, "age": data.draw(st.sampled_from([-1.0, 0.5]))}), "<=", 60.0),),
        together=(("town", "zip"),),
        cost={"age": data.draw(st.floats(0.0, 3.0))},
    )  # fmt: skip
    X = frame(6, data.draw(st.integers(0, 99)))
    want = data.draw(st.sampled_from([(0.5, None), (None, 0.3), (0.45, 0.55)]))

    method = Counterfactuals(background=Z, target=want, constraints=limits, count=2)
    e = wh.explain(score, X, method, rng=0)
    low, high = (-1 if want[0] is None else want[0]), (2 if want[1] is None else want[1])
    check(e, X, limits, lambda p: (p >= low) & (p <= high))


def test_an_implication_asks_for_as_much_as_it_says_of_tiny_numbers_too() -> None:
    tiny = 1e-9
    grid = np.array([[a * tiny, b] for a in range(5) for b in range(5)])
    limits = Constraints(implications=((("x1", "rises"), ("x0", "rises", 2 * tiny)),))
    method = Counterfactuals(background=grid, target=(2.0, None), constraints=limits)
    e = wh.explain(lambda X: X[:, 1], grid[:1], method, rng=0)

    assert e.valid[0, 0]
    assert e.candidates[0, 0, 0] >= 2 * tiny * (1 - 1e-6)


def test_steps_are_kept_however_tiny_they_are() -> None:
    tiny = 3.3e-13
    grid = np.array([[a * tiny, b] for a in range(5) for b in range(5)])
    trees = XGBClassifier(n_estimators=1, max_depth=1, n_jobs=1)
    trees.fit(grid, (grid[:, 0] > 2.5 * tiny).astype(int))
    limits = Constraints(step={"x0": tiny})
    e = wh.explain(trees, grid[:1], Counterfactuals(background=grid, constraints=limits), rng=0)

    assert e.status == ("optimal",)
    assert_allclose(e.candidates[0, 0] / [tiny, 1], [3, 0])


def test_the_distance_is_that_of_the_definition() -> None:
    X = frame(20, 3)
    limits = Constraints(cost={"pay": 3.0, "job": 0.5})
    method = Counterfactuals(background=Z, target=(0.5, None), constraints=limits, sparsity=0.2)
    e = wh.explain(score, X, method, rng=0)

    numeric = ("age", "pay", "debt", "zip", "member")
    scale = {c: float(Z[c].astype(float).max() - Z[c].astype(float).min()) for c in numeric}
    before = rows_of(X)
    for i, row in found(e, X):
        truth = cost(before[i], rows_of(row)[0], scale, 0.2, limits)
        assert_allclose(e.distance[i, 0], truth, rtol=1e-6)


def test_of_a_linear_model_the_nearest_row_lies_along_one_column() -> None:
    """With a price per column alone, the least price per effect is best: move that column alone."""
    rng = np.random.default_rng(0)
    W, w = np.round(rng.uniform(-5, 5, size=(300, 4)), 2), np.array([1.0, -2.0, 0.5, 1.5])
    X = W[:25]
    need = np.maximum(0.0, 6.0 - X @ w)
    method = Counterfactuals(background=W, target=(6.0, None), sparsity=1.0)
    e = wh.explain(lambda A: A @ w, X, method, rng=0)

    scale = W.max(axis=0) - W.min(axis=0)
    there = X + np.sign(w) * np.ceil(np.round(need[:, None] / np.abs(w) * 100, 6)) / 100
    within = (there >= W.min(axis=0)) & (there <= W.max(axis=0))
    alone = np.where(within, np.abs(there - X) / scale + 1.0, np.inf).min(axis=1)
    moved = (need > 0) & np.isfinite(alone)
    assert moved.sum() > 10
    assert_allclose(e.distance[moved, 0], alone[moved], atol=1e-9)


def test_on_small_grids_it_is_about_as_near_as_the_nearest() -> None:
    rng = np.random.default_rng(1)
    W = rng.integers(0, 7, size=(60, 3)).astype(float)
    ratios = []
    for seed in range(4):
        v = np.random.default_rng(seed).normal(size=(3, 7))

        def model(A: Floats, v: Floats = v) -> Floats:
            at = A.astype(int)
            return np.asarray(v[0, at[:, 0]] + v[1, at[:, 1]] * v[2, at[:, 2]])

        high = float(np.quantile(model(W), 0.8))
        e = wh.explain(model, W[:15], Counterfactuals(background=W, target=(high, None)), rng=0)
        for x, d in zip(W[:15], e.distance[:, 0], strict=True):
            before = dict(enumerate(x))
            best = nearest(
                lambda row: model(np.array([list(row.values())]))[0] >= high,  # noqa: B023  called at once
                before, {j: range(7) for j in range(3)},  # type: ignore[misc]  # columns by number
                lambda row: sum(abs(row[j] - x[j]) / 6 + 0.05 for j in range(3) if row[j] != x[j]),  # noqa: B023  called at once
                lambda _: True,
            )  # fmt: skip
            assert d >= best - 1e-9
            ratios.append((d + 0.01) / (best + 0.01))
    assert np.mean(np.array(ratios) < 1 + 1e-9) > 0.9
    assert np.mean(ratios) < 1.05


def test_a_batch_is_its_rows_one_by_one_in_any_order() -> None:
    X = frame(5, 4)
    limits = Constraints(immutable=("pay",), together=(("town", "zip"),))
    method = Counterfactuals(background=Z, target=(0.5, None), constraints=limits, count=2)
    bound = wh.bind(score, method)
    whole = bound.explain(X, rng=3)
    again = bound.explain(X, rng=3)
    mixed = bound.explain(X[::-1], rng=3)

    assert whole.candidates.tobytes() == again.candidates.tobytes()
    assert_array_equal(whole.distance, mixed.distance[::-1])
    for i in range(len(X)):
        alone = bound.explain(X.iloc[[i]], rng=3)
        assert_array_equal(alone.distance[0], whole.distance[i])
        a, b = alone.to_frame(), whole[i].to_frame()
        pd.testing.assert_frame_equal(a[list(X.columns)], b[list(X.columns)])


def test_the_model_is_asked_as_often_as_is_said() -> None:
    asked = []

    def counting(X: pd.DataFrame) -> Floats:
        asked.append(len(X))
        return score(X)

    bound = wh.bind(counting, Counterfactuals(background=Z, target=(0.5, None), budget=300))
    e = bound.explain(frame(10, 5), rng=0)

    assert sum(asked) == e.provenance.evaluations


@pytest.mark.parametrize("form", ["polars", "pyarrow", "array", "objects"])
def test_other_tables_are_read_back_in_their_own_form(form: str) -> None:
    def in_polars(d: pd.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(d.assign(job=d["job"].astype(str)).to_dict("list"))

    make: dict[str, Callable[[pd.DataFrame], Any]] = {
        "polars": in_polars,
        "pyarrow": lambda d: in_polars(d).to_arrow(),
        "array": lambda d: d[["age", "pay", "debt", "zip"]].fillna(3.0).to_numpy(dtype=float),
        "objects": lambda d: d.astype(object).to_numpy(),
    }  # fmt: skip
    seen: list[Any] = []

    def model(X: Any) -> Floats:  # noqa: ANN401  a table of any library
        seen.append(X)
        if isinstance(X, np.ndarray) and X.shape[1] == 4:
            return np.asarray(0.02 * X[:, 1] - 0.03 * X[:, 2])
        d = pd.DataFrame(X, columns=Z.columns).infer_objects() if form == "objects" else X
        d = pl.from_arrow(d) if form == "pyarrow" else d
        d = d.to_pandas() if isinstance(d, pl.DataFrame) else d
        return score(d)

    X = make[form](frame(10, 6))
    e = wh.explain(model, X, Counterfactuals(background=make[form](Z), target=(0.5, None)), rng=0)

    assert e.valid.all()
    assert all(type(s) is type(X) for s in seen)


def test_a_classifier_is_led_to_the_class_that_is_wanted() -> None:
    rng = np.random.default_rng(2)
    W = np.round(rng.normal(size=(300, 3)), 2)
    y = np.array(["low", "mid", "top"])[np.digitize(W[:, 0] + W[:, 1] ** 2, [0.3, 1.2])]
    model = RandomForestClassifier(30, random_state=0).fit(W, y)
    X = W[:15]

    e = wh.explain(model, X, Counterfactuals(background=W, target="top"), rng=0)
    assert e.valid.all()
    assert set(model.predict(e.candidates[:, 0])) == {"top"}
    assert_array_equal(e.distance[:, 0] == 0, model.predict(X) == "top")

    other = wh.explain(model, X, Counterfactuals(background=W), rng=0)
    assert other.valid.all()
    assert (model.predict(other.candidates[:, 0]) != model.predict(X)).all()
    assert (other.distance > 0).all()


def test_candidates_lie_apart_and_the_first_is_the_nearest() -> None:
    X = frame(8, 7)
    e = wh.explain(score, X, Counterfactuals(background=Z, target=(0.5, None), count=4), rng=0)
    one = wh.explain(score, X, Counterfactuals(background=Z, target=(0.5, None)), rng=0)

    assert_allclose(e.distance[:, 0], one.distance[:, 0])
    assert (e.distance[e.valid] >= np.repeat(e.distance[:, 0], e.valid.sum(axis=1)) - 1e-12).all()
    for row, ok in zip(e.candidates, e.valid, strict=True):
        assert len({c.tobytes() for c in row[ok]}) == ok.sum()
    assert (e.valid.sum(axis=1) > 1)[e.distance[:, 0] > 0].all()


def test_a_network_is_slid_down_its_gradient_and_left_as_it_was() -> None:
    rng = np.random.default_rng(8)
    W = np.round(rng.normal(size=(200, 6)), 2).astype(np.float32)
    torch.manual_seed(0)
    layers = (
        torch.nn.Linear(6, 16),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(16, 2),
    )
    model = torch.nn.Sequential(*layers)
    limits = Constraints(immutable=("x0",), bounds={"x1": (-1, 1)})
    method = Counterfactuals(background=W, constraints=limits, engine="gradient")
    e = wh.explain(model, W[:12], method, rng=0)

    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert e.valid.all()
    model.eval()
    with torch.no_grad():
        now, then = (model(torch.tensor(A, dtype=torch.float32)).argmax(dim=1)
                     for A in (W[:12], e.candidates[:, 0]))  # fmt: skip
    assert (now != then).all()
    assert_array_equal(e.candidates[:, 0, 0], W[:12, 0])
    assert (np.abs(e.candidates[:, 0, 1]) <= 1).all()
    plain = wh.explain(model, W[:12], Counterfactuals(background=W, constraints=limits,
                                                      engine="search"), rng=0)  # fmt: skip
    assert e.distance.mean() < 1.1 * plain.distance.mean()
    with pytest.raises(wh.InputError, match="gives no gradient"):
        wh.bind(score, Counterfactuals(background=Z, target=(0.5, None), engine="gradient"))


def test_what_is_unlike_all_real_rows_is_implausible() -> None:
    rng = np.random.default_rng(5)
    W = np.round(rng.normal(size=(300, 1)) @ np.ones((1, 2)) + 0.1 * rng.normal(size=(300, 2)), 2)
    near = Counterfactuals(background=W, target=(1.0, None))
    along = wh.explain(lambda A: A.sum(axis=1), W[:8] * 0 - 0.1, near, rng=0)
    off = wh.explain(
        lambda A: A[:, 0] - A[:, 1], W[:8] * 0, Counterfactuals(background=W, target=(2.0, None))
    )

    assert along.plausibility is not None
    assert off.plausibility is not None
    assert np.isnan(off.plausibility).all()  # no real row is answered so
    assert (along.plausibility < 0.2).all()  # one of two columns that go together was moved alone


def test_robustness_bounds_the_share_of_slightly_different_rows_that_do_it() -> None:
    W = np.random.default_rng(6).uniform(0, 1, size=(200, 2))
    edge = Counterfactuals(background=W, target=(0.5, None), noise=0.05)
    e = wh.explain(lambda A: A[:, 0], np.zeros((4, 2)), edge, rng=0)
    again = wh.explain(lambda A: A[:, 0], np.zeros((4, 2)), edge, rng=0)
    safe = wh.explain(
        lambda A: A[:, 0], np.full((1, 2), 0.9),
        Counterfactuals(background=W, target=(0.5, None), noise=0.05), rng=0,
    )  # fmt: skip

    assert e.robustness is not None
    assert safe.robustness is not None
    assert again.robustness is not None
    assert (e.robustness < 0.65).all()  # it stands on the line, so that half of them fail
    assert (e.robustness > 0.25).all()
    assert safe.robustness[0, 0] >= 0.95
    assert_array_equal(e.robustness, again.robustness)


def test_the_constraint_that_stands_in_the_way_is_named() -> None:
    d = pd.DataFrame({"age": np.arange(60.0), "pay": np.arange(60.0) % 7})
    limits = Constraints(immutable=("age",))
    e = wh.explain(
        lambda X: (X["age"] > 30).astype(float), d[:4],
        Counterfactuals(background=d, target=(1, None), constraints=limits), rng=0,
    )  # fmt: skip

    assert set(e.status) == {"none found"}
    assert not e.valid.any()
    assert np.isnan(e.candidates).all()
    assert all("'age' is immutable" in note for note in e.notes)


def test_where_nothing_may_change_or_nothing_does_it_none_is_found() -> None:
    X = frame(3, 11)
    every = Constraints(immutable=tuple(X.columns))
    for method in (
        Counterfactuals(background=Z, target=(2.0, None)),
        Counterfactuals(background=Z, target=(0.999, None), constraints=every),
    ):
        e = wh.explain(score, X, method, rng=0)
        assert set(e.status) == {"none found"}
        assert all(e.notes)
        assert len(e.to_frame()) == 0


def test_several_constraints_in_the_way_are_told_as_such() -> None:
    d = pd.DataFrame({"age": np.arange(60.0), "pay": np.arange(60.0)})
    limits = Constraints(immutable=("age",), bounds={"pay": (0, 9)})
    e = wh.explain(
        lambda X: ((X["age"] > 30) & (X["pay"] > 20)).astype(float), d[:2],
        Counterfactuals(background=d, target=(1, None), constraints=limits), rng=0,
    )  # fmt: skip

    assert all("several constraints together" in note for note in e.notes)
    assert all("'age' is immutable" in n and "bounds of 'pay'" in n for n in e.notes)


def test_a_row_outside_of_its_bounds_is_moved_inside_or_told_about() -> None:
    d = pd.DataFrame({"hours": [80.0, 20.0, 40.0], "pay": [1.0, 2.0, 3.0]})
    model = Counterfactuals(
        background=d, target=(0, None), constraints=Constraints(bounds={"hours": (10, 60)})
    )
    e = wh.explain(lambda X: X["pay"], d[:1], model, rng=0)
    assert e.candidates[0, 0, 0] == 60

    stuck = Constraints(bounds={"hours": (10, 60)}, immutable=("hours",))
    method = Counterfactuals(background=d, target=(0, None), constraints=stuck)
    e = wh.explain(lambda X: X["pay"], d[:1], method, rng=0)
    assert e.status == ("none found",)
    assert "'hours' is 80" in e.notes[0]


def test_a_background_of_one_row_or_of_constant_columns_serves() -> None:
    one = np.array([[3.0, 1.0, 7.0]])
    e = wh.explain(lambda X: X[:, 0], one * 0, Counterfactuals(background=one, target=(2, None)))
    assert e.valid.all()
    assert e.candidates[0, 0, 0] >= 2

    lost = wh.explain(lambda X: X[:, 0], one, Counterfactuals(background=one, target=(9, None)))
    assert lost.status == ("none found",)
    assert "no row of the background" in lost.notes[0]


def test_without_a_like_row_in_the_background_its_surroundings_are_searched() -> None:
    W = np.random.default_rng(0).uniform(0, 1, size=(50, 3))
    corner = Counterfactuals(background=W[W.sum(axis=1) < 2.0], target=(2.4, None))
    e = wh.explain(lambda X: X.sum(axis=1), W[:5], corner, rng=0)
    assert e.valid.all()


def test_a_category_never_seen_and_missing_cells_do_no_harm() -> None:
    X = frame(6, 8).assign(town="Paris")
    X.loc[2, "town"] = None
    X["job"] = X["job"].cat.add_categories(["king"]).where(X.index != 1, "king")
    e = wh.explain(score, X, Counterfactuals(background=Z, target=(0.3, None)), rng=0)
    for i in range(6):
        assert e.valid[i, 0]
    assert e.levels[4] is not None
    assert "Paris" in e.levels[4]


def test_a_column_follows_its_causes_and_costs_nothing() -> None:
    rng = np.random.default_rng(3)
    school = rng.integers(0, 10, size=200).astype(float)
    d = pd.DataFrame({"school": school, "pay": 2 * school + rng.integers(0, 5, size=200)})
    limits = Constraints(causes={"pay": (("school",), lambda s: 2 * s)})
    method = Counterfactuals(background=d, target=(15, None), constraints=limits, sparsity=0.0)
    X = d[d["pay"] < 9][:10]
    e = wh.explain(lambda X: X["pay"], X, method, rng=0)

    rise = np.ceil((15 - X["pay"].to_numpy()) / 2)
    assert_array_equal(e.candidates[:, 0, 0], X["school"] + rise)
    assert_array_equal(e.candidates[:, 0, 1], X["pay"] + 2 * rise)
    assert_allclose(e.distance[:, 0], rise / 9)


def test_a_pipeline_of_words_and_numbers_is_asked_in_its_own_frame() -> None:
    X = frame(200, 9).drop(columns="debt")
    y = np.where(score(frame(200, 9)) > 0.5, "yes", "no")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job", "town"]), remainder="passthrough"
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(X, y)
    e = wh.explain(model, X[:12], Counterfactuals(background=X, target="yes"), rng=0)

    assert e.valid.all()
    assert all(model.predict(row)[0] == "yes" for _, row in found(e, X[:12]))
    assert e.names.outputs == ("yes",)


def test_settings_are_recorded_and_it_can_be_pickled(tmp_path: Path) -> None:
    limits = Constraints(immutable=("age",), transitions={"job": {"clerk": ("judge",)}})
    method = Counterfactuals(background=Z, target=(0.5, None), constraints=limits)
    e = wh.explain(score, frame(3, 10), method, rng=0)
    again = wh.explain(score, frame(3, 10), pickle.loads(pickle.dumps(method)), rng=0)  # noqa: S301  our own

    settings = e.provenance.settings["constraints"]
    assert isinstance(settings, dict)
    assert settings["immutable"] == ("age",)
    assert settings["transitions"] == {"job": {"clerk": ("judge",)}}
    assert_array_equal(e.candidates, again.candidates)
    kept = wh.load(e.save(tmp_path / "e.whence"))
    assert_array_equal(kept.candidates, e.candidates)  # type: ignore[attr-defined]  # examples


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Constraints(immutable=("agee",)), "is it 'age'"),
        (Constraints(bounds={"age": (60, 20)}), "60 is above 20"),
        (Constraints(increase=("age",), decrease=("age",)), "both name 'age'"),
        (Constraints(immutable=("age",), increase=("age",)), "immutable and increase contradict"),
        (Constraints(immutable=("job",), transitions={"job": ("judge",)}), "immutable and trans"),
        (Constraints(transitions={"job": ("jugde",)}), "is it 'judge'"),
        (Constraints(transitions={"age": (3,)}), "holds numbers"),
        (Constraints(bounds={"job": (1, 2)}), "holds categories"),
        (Constraints(increase=("job",)), "have no order"),
        (Constraints(step={"age": 0}), "positive number"),
        (Constraints(cost={"age": -1}), "at least 0"),
        (Constraints(linear=(({"age": 1.0}, "<", 3),)), "which way"),  # type: ignore[arg-type]  # wrong
        (Constraints(linear=(({"age": 1}, ">=", 90),), bounds={"age": (0, 60)}), "linear and b"),
        (Constraints(implications=((("age", "grows"), ("pay", "rises")),)), "Give pairs"),  # type: ignore[arg-type]  # wrong
        (Constraints(together=(("town", "zip"), ("zip",))), "'zip' twice"),
        (Constraints(causes={"age": (("pay",), len), "pay": (("age",), len)}), "has a cycle"),
        (Constraints(immutable="age"), "Give a tuple"),
        ({"immutable": ("age",)}, "Give wh.Constraints"),
    ],
)  # fmt: skip
def test_constraints_that_make_no_sense_are_refused_by_name(
    limits: Any,  # noqa: ANN401  wrong on purpose
    told: str,
) -> None:
    method = Counterfactuals(background=Z, target=(0.5, None), constraints=limits)
    with pytest.raises(wh.InputError, match=told):
        wh.bind(score, method)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"target": "rich"}, "which has no classes"),
        ({"target": None}, "Give an interval"),
        ({"target": (0.9, 0.1)}, "low not above high"),
        ({"target": (0.5, None), "background": None}, "needs a background"),
        ({"target": (0.5, None), "count": 0}, "count is 0"),
        ({"target": (0.5, None), "budget": -1}, "budget is -1"),
        ({"target": (0.5, None), "distance": "l2"}, "distance is 'l2'"),
        ({"target": (0.5, None), "sparsity": -0.1}, "sparsity is -0.1"),
        ({"target": (0.5, None), "noise": -1}, "noise is -1"),
        ({"target": (0.5, None), "engine": "magic"}, "engine is 'magic'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(wh.InputError, match=told):
        wh.bind(score, Counterfactuals(**{"background": Z, **wrong}))


def test_a_class_that_does_not_exist_is_refused_with_those_that_do() -> None:
    model = LogisticRegression().fit(np.array([[0.0], [1.0]]), ["no", "yes"])
    with pytest.raises(wh.InputError, match="'no', 'yes'"):
        wh.bind(model, Counterfactuals(background=np.zeros((2, 1)), target="maybe"))
    method = Counterfactuals(background=np.zeros((2, 1)))
    with pytest.raises(wh.InputError, match="Leave out output="):
        wh.explain(model, np.zeros((1, 1)), method, output="log_loss", y=["no"])


def test_scores_of_pairs_of_classes_are_not_taken_for_classes() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    svc = SVC(decision_function_shape="ovo").fit(rows, np.digitize(rows[:, 0], [-0.5, 0.5]))

    with pytest.raises(wh.InputError, match="pair of classes"):
        wh.explain(svc, rows[:2], Counterfactuals(background=rows))
