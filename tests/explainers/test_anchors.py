"""A rule covers what it says, is as pure as it says, and is certified by rows it never saw."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

import whence as wh
from whence.core.rules import Predicate, Rules
from whence.core.table import table_of
from whence.core.types import Bools, Floats
from whence.explainers.anchors import Anchors
from whence.kernels.anchor_conditions import vocabulary_of
from whence.kernels.binomial import interval, lower_bound

rng = np.random.default_rng(3)


def people(n: int, seed: int) -> pd.DataFrame:
    """Return rows of numbers and categories, some of them missing."""
    own = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(own.random(n) < 0.1, np.nan, own.integers(18, 80, n)),
            "hours": own.choice([20, 40, 40, 40, 55], n),
            "job": own.choice(np.array(["clerk", "smith", "cook", None], dtype=object), n),
            "one": np.ones(n),
        }
    )


def paid(X: pd.DataFrame) -> Floats:
    """Return a probability: high for smiths above 40, and for all who work long."""
    old = np.nan_to_num(np.asarray(X["age"], dtype=float)) > 40
    smith = np.array([job == "smith" for job in X["job"]])
    return np.where((old & smith) | (np.asarray(X["hours"]) > 50), 0.9, 0.2)


Z, X = people(4_000, 0), people(40, 1)


def judge(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the half of a background that judges."""
    return frame.iloc[vocabulary_of(table_of(frame), quantiles=10, seed=seed).judge.rows]


def explained(model: Any = paid, rows: Any = X, **settings: Any) -> Rules:  # noqa: ANN401  anything
    return wh.explain(model, rows, Anchors(**({"background": Z} | settings)), rng=0)


def test_every_number_is_what_counting_rows_gives() -> None:
    e = explained()

    held_out = judge(Z)
    covers, same = e.covers(held_out), paid(held_out) > 0.5
    assert e.names.outputs == ("y",)
    assert e.covers(X).diagonal().all()  # a rule holds for the row it is about
    for i, row in X.reset_index(drop=True).iterrows():
        own = int(held_out.apply(lambda other, row=row: other.equals(row), axis=1).any())
        covered = covers[i].sum() - own
        right = (covers[i] & (same == (paid(X[i : i + 1]) > 0.5))).sum() - own
        assert e.covered[i] == covered
        assert e.precision[i] == right / covered
        assert e.coverage[i] == covered / (len(held_out) - own)
        assert e.precision_low[i] == lower_bound(right, covered, 0.05)
        bounds = [float(b) for b in interval(np.array(covered), np.array(len(held_out) - own))]
        assert [e.coverage_low[i], e.coverage_high[i]] == bounds
        assert (e.status[i] == "certified") == (e.precision_low[i] >= 0.95)


def test_rules_say_what_the_model_does() -> None:
    row = pd.DataFrame(
        {"age": [70.0, 70.0, 20.0, np.nan], "hours": [40, 55, 40, 20],
         "job": ["smith", "cook", "cook", None], "one": 1.0}
    )  # fmt: skip
    e = explained(rows=row)

    said = [" and ".join(map(str, rule)) for rule in e.predicates]
    assert said[0] == "age > 43 and job = smith"
    assert said[1] == "hours > 40"
    assert said[2] in ("age ≤ 37 and hours ≤ 40", "hours ≤ 40 and job = cook")
    assert said[3].startswith("hours ≤ 40 and ")
    assert e.status == ("certified",) * 4
    assert "taken for probabilities" in e.provenance.warnings[0]
    frame = e.to_frame()
    assert frame["rule"].tolist() == said
    assert "job = smith" in frame["rule"][0]


def test_rows_do_not_depend_on_each_other_nor_on_the_seed_of_the_call() -> None:
    bound = wh.bind(paid, Anchors(background=Z))
    e = bound.explain(X, rng=1, n_jobs=2)

    order = np.random.default_rng(0).permutation(len(X))
    shuffled = bound.explain(X.iloc[order], rng=2)
    alone = [bound.explain(X[i : i + 1]) for i in range(10)]

    assert shuffled.predicates == tuple(e.predicates[i] for i in order)
    assert_array_equal(shuffled.precision, e.precision[order])
    assert tuple(one.predicates[0] for one in alone) == e.predicates[:10]
    other = wh.bind(paid, Anchors(background=Z, seed=1)).explain(X)
    assert (other.covered != e.covered).any()


def test_a_background_costs_one_evaluation_a_row_and_rows_cost_none() -> None:
    asked = []

    def model(rows: pd.DataFrame) -> Floats:
        asked.append(len(rows))
        return paid(rows)

    bound = wh.bind(model, Anchors(background=Z))
    assert sum(asked) == len(Z)
    e = bound.explain(X)
    assert sum(asked) == len(Z) + len(X)
    assert e.provenance.evaluations == sum(asked)


@pytest.mark.parametrize("form", ["pandas", "polars", "pyarrow", "categorical"])
def test_frames_of_every_kind_get_the_same_rules(form: str) -> None:
    def of(frame: pd.DataFrame) -> Any:  # noqa: ANN401  a frame of some kind
        if form == "categorical":
            return frame.astype({"job": "category"})
        return {"pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": pa.table(frame)}[form]

    def model(rows: Any) -> Floats:  # noqa: ANN401  a frame of some kind
        native = rows if isinstance(rows, pd.DataFrame) else rows.to_pandas()
        return paid(native)

    e = explained(model, of(X[5:15]), background=of(Z))

    assert e.predicates == explained(rows=X[5:15]).predicates
    assert e.covers(of(X[5:15])).diagonal().all()


def test_arrays_and_sparse_matrices_get_the_same_rules() -> None:
    dense = rng.integers(0, 3, (3_000, 4)).astype(float)

    def model(rows: Any) -> Floats:  # noqa: ANN401  dense or sparse
        array = rows if isinstance(rows, np.ndarray) else rows.toarray()
        return 1.0 * (array[:, 0] > array[:, 1])

    a = explained(model, dense[:5] + 0, background=dense)
    b = explained(model, csr_matrix(dense[:5]), background=csr_matrix(dense))

    assert a.predicates == b.predicates
    assert {p.feature for rule in a.predicates for p in rule} <= {"x0", "x1"}


@pytest.mark.parametrize("kind", ["forest", "score", "three"])
def test_the_class_is_the_one_that_the_model_itself_predicts(kind: str) -> None:
    z = rng.normal(size=(2_000, 3))
    y = np.array(["a", "b", "c"])[np.digitize(z[:, 0] + 0.3 * z[:, 1], [-0.5, 0.5])]
    y = np.where(rng.random(2_000) < 0.1, "c", y)
    y = y if kind == "three" else np.where(y == "a", "a", "b")
    model = {
        "forest": RandomForestClassifier(2, random_state=0),  # which often ties
        "score": LinearSVC(),
        "three": LogisticRegression(),
    }[kind].fit(z, y)

    e = explained(model, z[:30], background=z)

    back = vocabulary_of(table_of(z), quantiles=10, seed=0).judge.rows
    same = model.predict(z[back]) == model.predict(z[:30])[:, None]
    covers = e.covers(z[back])
    own = (z[back] == z[:30, None]).all(axis=2).any(axis=1)
    assert_array_equal(e.covered, covers.sum(axis=1) - own)
    right = (covers & same).sum(axis=1) - own
    assert_array_equal(e.precision, right / np.maximum(e.covered, 1))
    assert "certified" in e.status
    left = e.status.count("not certified")
    assert [f"Not certified: {left} of 30 rules" in w for w in e.provenance.warnings] == [True]


def test_of_numbers_those_within_the_tolerance_are_the_same() -> None:
    z = rng.normal(size=(6_000, 3))
    model = LinearRegression().fit(z, z @ [2.0, 1.0, 0.0])

    a = explained(model, z[:20], background=z, tolerance=1.5)
    b = explained(model, z[:20], background=z)

    back = judge(pd.DataFrame(z)).to_numpy()
    near = np.abs(model.predict(back) - model.predict(z[:20])[:, None]) <= 1.5
    others = (back != z[:20, None]).any(axis=2)
    covers = a.covers(back) & others
    assert_array_equal(a.precision, (covers & near).sum(axis=1) / covers.sum(axis=1))
    assert a.status.count("certified") > 10
    assert not any("tolerance" in warning for warning in a.provenance.warnings)
    std = np.std(model.predict(z)) / 2
    assert f"differ by at most {std:.6g}" in b.provenance.warnings[0]


def test_a_regression_between_0_and_1_is_no_classifier() -> None:
    z = rng.random((500, 2))
    model = RandomForestRegressor(5, random_state=0).fit(z, z[:, 0])

    assert "tolerance was not given" in explained(model, z[:1], background=z).provenance.warnings[0]


@pytest.mark.parametrize(("noise", "least", "most"), [(2, 0.2, 1.0), (5, 0.0, 0.06)])
def test_bounds_hold_as_often_as_they_should_though_the_best_of_many_rules_is_taken(
    noise: int, least: float, most: float
) -> None:
    """The truth is known: all rows are listed. With much noise no rule is as pure as 95 %."""
    every = np.stack(np.meshgrid(*[np.arange(4.0)] * 6), axis=-1).reshape(-1, 6)
    held, certified = [], []
    for seed in range(60):
        own = np.random.default_rng(seed)
        flipped = (every @ own.integers(5, 90, 6)) % 97 < noise
        table = (every[:, 0] + every[:, 1] >= 3) ^ flipped
        place = 4.0 ** np.array([4, 5, 3, 2, 1, 0])  # the order of meshgrid

        def model(rows: Floats, table: Bools = table, place: Floats = place) -> Floats:
            return 1.0 * table[(rows @ place).astype(int)]

        drawn = every[own.integers(0, len(every), 804)]
        e = wh.bind(model, Anchors(background=drawn[4:], seed=seed)).explain(drawn[:4])
        right = model(every) == model(drawn[:4])[:, None]
        covers = e.covers(every)
        truth = (covers & right).sum(axis=1) / covers.sum(axis=1)
        held.append((truth >= e.precision_low).mean())
        certified.append(np.mean([status == "certified" for status in e.status]))

    assert np.mean(held) >= 0.94
    assert least <= np.mean(certified) <= most


def test_where_all_rows_are_the_same_nothing_needs_to_hold() -> None:
    e = explained(lambda rows: np.full(len(rows), 0.3))

    assert e.predicates == ((),) * len(X)
    assert_array_equal(e.precision, 1)
    assert_array_equal(e.coverage, 1)
    assert set(e.status) == {"certified"}
    assert e.to_frame()["rule"][0] == "always"


@pytest.mark.parametrize("rows", [1, 2, 40, 100])
def test_of_few_rows_nothing_is_certified_and_that_is_said(rows: int) -> None:
    e = explained(background=Z[:rows])

    assert set(e.status) == {"not certified"}
    assert "has to cover 59 rows that judge it" in e.provenance.warnings[-2]
    for name in ("precision", "precision_low", "coverage", "coverage_low", "coverage_high"):
        assert ((getattr(e, name) >= 0) & (getattr(e, name) <= 1)).all()
    assert (e.precision_low < 0.95).all()


def test_a_row_of_the_background_is_no_evidence_of_itself() -> None:
    z = np.arange(118.0)[:, None]  # 59 of which judge: without the row itself they are too few
    back = vocabulary_of(table_of(z), quantiles=10, seed=0).judge.rows
    e = explained(lambda rows: np.ones(len(rows)), z[back[:1]], background=z)
    other = explained(lambda rows: np.ones(len(rows)), z[back[:1]] + 0.5, background=z)

    assert e.covered.tolist() == [58]
    assert e.status == ("not certified",)
    assert other.covered.tolist() == [59]
    assert other.status == ("certified",)


def test_a_category_that_the_background_lacks_is_in_no_condition() -> None:
    row = pd.DataFrame({"age": [50.0], "hours": [40], "job": ["baker"], "one": 1.0})
    e = explained(rows=row)

    assert "job" not in {p.feature for p in e.predicates[0]}
    assert e.covers(row).all()


def test_conditions_are_as_few_as_wished() -> None:
    for most in (1, 2):
        e = explained(max_conditions=most)
        sizes = [
            sum((p.low > -np.inf) + (p.high < np.inf) or 1 for p in rule) for rule in e.predicates
        ]
        assert max(sizes) == most


def test_rules_and_settings_travel(tmp_path: Any) -> None:  # noqa: ANN401  a path
    method = pickle.loads(pickle.dumps(Anchors(background=Z)))  # noqa: S301  our own
    e = wh.explain(paid, X[:5], method, rng=0)
    back = wh.load(e.save(tmp_path / "rules.whence"))

    assert e.predicates == explained(rows=X[:5]).predicates
    assert isinstance(back, Rules)
    assert back.predicates == e.predicates
    assert back.status == e.status
    assert_array_equal(back.precision_low, e.precision_low)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 1.0}, "threshold is 1.0. A number between 0 and 1"),
        ({"threshold": "high"}, "threshold is 'high'"),
        ({"delta": 0}, "delta is 0. A number between 0 and 1"),
        ({"max_conditions": 0}, "max_conditions is 0. A positive whole number"),
        ({"quantiles": 1}, "quantiles is 1. A whole number of at least 2"),
        ({"seed": -1}, "seed is -1"),
        ({"tolerance": -0.5}, "tolerance is -0.5. A positive number"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"budget": 0}, "budget is 0"),
        ({"background": None}, "no background was given. Anchors of tables"),
        ({"masker": wh.TextMasker()}, "background and masker were both given"),
        ({"background": Z[["age"]]}, "background"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(wh.InputError, match=message):
        explained(**settings)


def test_a_loss_and_a_column_of_two_types_are_refused() -> None:
    z = rng.normal(size=(100, 2))
    model = LogisticRegression().fit(z, z[:, 0] > 0)
    with pytest.raises(wh.InputError, match="Leave output='raw'"):
        wh.explain(model, z, Anchors(background=z), output="log_loss", y=z[:, 0] > 0)
    with pytest.raises(wh.InputError, match="'hours' holds categories in X and numbers in the"):
        explained(lambda rows: np.ones(len(rows)), X.astype({"hours": str}))


def adult_like() -> Pipeline:
    frame = Z.assign(job=Z["job"].fillna("?"), age=Z["age"].fillna(30))
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough"),
        RandomForestClassifier(20, max_depth=6, random_state=0),
    ).fit(frame, paid(frame) > 0.5)


def test_a_pipeline_is_explained_in_the_columns_of_the_user() -> None:
    frame, rows = (f.assign(job=f["job"].fillna("?"), age=f["age"].fillna(30)) for f in (Z, X))
    model = adult_like()
    e = explained(model, rows, background=frame)

    fresh = people(4_000, 9).assign(
        job=lambda f: f["job"].fillna("?"), age=lambda f: f["age"].fillna(30)
    )
    same: Bools = model.predict(fresh) == model.predict(rows)[:, None]
    covers = e.covers(fresh)
    precision = (covers & same).sum(axis=1) / covers.sum(axis=1)
    assert {p.feature for rule in e.predicates for p in rule} <= {"age", "hours", "job"}
    assert precision[np.array(e.status) == "certified"].min() > 0.93
    assert precision.mean() > 0.95


FINE = "one more of those films that are {} and that nobody would have thought of before"


def has_fine(texts: list[str]) -> Floats:
    return np.array([0.9 if "fine" in text.split() else 0.2 for text in texts])


def test_the_word_that_decides_is_found_and_certified() -> None:
    texts = [FINE.format("fine"), "quite a fine one", FINE.format("dull")]
    e = wh.explain(has_fine, texts, Anchors(), rng=0)

    word = Predicate(feature="'fine'", part=7)
    assert e.predicates[0] == (word,)
    assert e.predicates[1] == (Predicate(feature="'fine'", part=2),)
    assert e.predicates[2] == ()
    assert e.status == ("certified",) * 3
    assert_array_equal(e.coverage, [0.5, 0.5, 1.0])
    assert_array_equal(e.precision, 1)
    assert (e.precision_low >= 0.95).all()
    assert e.data.parts(0)[7] == "fine"
    assert e.provenance.evaluations <= 3 + 1 + 3 * 5_000


def test_two_words_that_decide_together_are_found() -> None:
    def model(texts: list[str]) -> Floats:
        return np.array([0.9 * ({"not", "bad"} <= set(text.split())) for text in texts])

    e = wh.explain(model, ["this is really not a bad film at all by any measure"], Anchors(), rng=0)

    assert [p.feature for p in e.predicates[0]] == ["'not'", "'bad'"]
    assert e.coverage[0] == 0.25
    assert e.status == ("certified",)


def test_the_segment_of_an_image_and_the_lag_of_a_series_are_found() -> None:
    images = np.zeros((2, 8, 8, 1))
    images[:, :4, 4:] = 1.0

    def bright(pixels: Floats) -> Floats:
        return 0.1 + 0.8 * (pixels[:, :4, 4:].mean(axis=(1, 2, 3)) > 0.5)

    masker = wh.ImageMasker(segments=4, divide="grid", hide=0.0)
    e = wh.explain(bright, images, Anchors(masker=masker), rng=0)
    assert [[p.part for p in rule] for rule in e.predicates] == [[1], [1]]
    assert e.status == ("certified",) * 2

    series = np.zeros((1, 20, 1))
    series[0, -2:] = 5.0
    e = wh.explain(lambda v: 1.0 * (v[:, -1, 0] > 4), series, Anchors(), rng=0)
    assert [p.feature for p in e.predicates[0]] == ["lags 1-2"]


def test_texts_do_not_depend_on_each_other_and_equal_seeds_give_equal_rules() -> None:
    texts = [FINE.format("fine"), "a fine and short one", FINE.format("dull")]

    def model(strings: list[str]) -> Floats:  # by a hash, so that there is much to search for
        return np.array([(sum(map(hash_of, text.split())) % 7) / 7 for text in strings])

    def hash_of(word: str) -> int:
        return sum(word.encode()) % 5

    method = Anchors(budget=800)
    e = wh.explain(model, texts, method, rng=5)
    again = wh.explain(model, texts, method, rng=5)
    turned = wh.explain(model, texts[::-1], method, rng=5)
    alone = wh.explain(model, texts[1:2], method, rng=5)

    assert e.predicates == again.predicates == turned.predicates[::-1]
    assert_array_equal(e.precision, turned.precision[::-1])
    assert_array_equal(e.precision[1:2], alone.precision)


@pytest.mark.parametrize("budget", [75, 100, 300, 1_500])
def test_the_budget_is_kept_counted_and_said(budget: int) -> None:
    text = " ".join(f"w{i}" for i in range(30))
    asked = []

    def model(strings: list[str]) -> Floats:  # more than 20 of 30 words: a rule of many parts
        asked.append(len(strings))
        return np.array([1.0 * (len(text.split()) > 20) for text in strings])

    e = wh.explain(model, [text], Anchors(budget=budget), rng=0)

    assert sum(asked) == e.provenance.evaluations <= budget + 2
    assert e.status == ("budget",)
    assert e.precision_low[0] < 0.95
    assert 59 <= e.covered[0] <= budget


def test_a_budget_that_cannot_certify_is_refused() -> None:
    with pytest.raises(wh.InputError, match=r"budget is 74.*at least 75 evaluations"):
        wh.explain(has_fine, ["a fine one"], Anchors(budget=74))


def test_the_model_is_never_asked_about_single_samples() -> None:
    asked = []

    def model(strings: list[str]) -> Floats:
        asked.append(len(strings))
        return has_fine(strings)

    wh.bind(model, Anchors()).explain([FINE.format("fine")] * 3, rng=0)

    calls = [size for size in asked if size > 1]
    assert len([size for size in asked if size == 1]) <= 6  # the rows themselves, and once again
    assert min(calls) > 1
    assert np.median(calls) > 64


def test_numbers_need_a_tolerance() -> None:
    def length(strings: list[str]) -> Floats:
        return np.array([float(len(s)) for s in strings])

    with pytest.raises(wh.InputError, match=r"tolerance is None. Give Anchors\(tolerance=...\)"):
        wh.explain(length, ["a b c"], Anchors())
    e = wh.explain(length, ["a b c"], Anchors(tolerance=100.0), rng=0)
    assert e.predicates == ((),)


def test_certificates_about_samples_hold_as_often_as_they_should() -> None:
    """The truth is known: all coalitions of ten words are listed."""
    words = [f"w{i}" for i in range(10)]
    known = (np.arange(1024)[:, None] >> np.arange(10)) % 2 == 1
    held, certified = [], 0
    for seed in range(24):
        weights = np.random.default_rng(seed).normal(size=10)

        def score(bits: Bools, weights: Floats = weights) -> Floats:
            return 1 / (1 + np.exp(-3 * (bits @ weights)))

        def model(strings: list[str], score: Any = score) -> Floats:  # noqa: ANN401  a function
            return np.asarray(score(np.array([[w in s.split() for w in words] for s in strings])))

        e = wh.explain(model, [" ".join(words)], Anchors(budget=1_000), rng=seed)
        parts = [p.part for p in e.predicates[0]]
        cover = known[known[:, parts].all(axis=1)]
        truth = ((score(cover) > 0.5) == (score(np.ones((1, 10), bool))[0] > 0.5)).mean()
        held.append(truth >= e.precision_low[0])
        certified += e.status[0] == "certified"
        assert e.coverage[0] == len(cover) / 1024

    assert np.mean(held) >= 0.9
    assert certified >= 18
