"""What the results say about themselves is true."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from whence.core.effect import Curve, Effect
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Attribution, Interaction, Names
from whence.core.measurement import Measurement
from whence.core.table import table_of


def attribution(n: int = 3, p: int = 2, k: int = 2) -> Attribution:
    rng = np.random.default_rng(1)
    values, base = rng.normal(size=(n, p, k)), rng.normal(size=(n, k))
    return Attribution(
        values=values, base_values=base, outputs=base + values.sum(axis=1),
        names=Names(features=tuple("abcdefgh"[:p]), outputs=tuple("uvw"[:k])),
    )  # fmt: skip


def test_the_residual_is_what_the_values_leave_over() -> None:
    e = attribution()

    assert_allclose(e.residual, 0, atol=1e-15)


def test_importance_is_the_mean_magnitude_with_its_standard_error() -> None:
    e = attribution(n=50)

    top = e.importance()

    assert top.values.shape == (1, 2, 2)
    assert top.names.rows == ("all",)
    assert_allclose(top.values[0], np.abs(e.values).mean(axis=0))
    assert top.stderr is not None
    assert_allclose(top.stderr[0], np.abs(e.values).std(axis=0, ddof=1) / np.sqrt(50))
    assert e[0].importance().stderr is None


def test_rows_outside_are_refused() -> None:
    with pytest.raises(InputError, match="of 3 rows"):
        attribution()[7]


def test_a_mask_picks_rows() -> None:
    e = attribution()

    assert_allclose(e[np.array([True, False, True])].values, e.values[[0, 2]])


def test_the_matrix_of_pairs_sums_to_the_values() -> None:
    i = Interaction(
        sets=np.array([[0, -1], [1, -1], [0, 1]], dtype=np.int32),
        values=np.array([[[1.0], [2.0], [4.0]]]), base_values=np.zeros((1, 1)),
        outputs=np.full((1, 1), 7.0), index="k-SII", names=Names(features=("a", "b")),
    )  # fmt: skip

    assert_allclose(i.matrix()[0, :, :, 0], [[1, 2], [2, 2]])
    assert_allclose(i.residual, 0)


def test_an_effect_without_curves_has_no_rows() -> None:
    curve = Curve(features=("a",), grid=(np.arange(2.0),), levels=(None,), values=np.zeros((2, 1)))
    effect = Effect(curves=(curve,), kind="ale")

    with pytest.raises(InputError, match="no individual curves"):
        effect[0]


def test_examples_tell_what_changed() -> None:
    data = table_of(np.array([[1.0, np.nan]]))
    found = Examples(
        candidates=np.array([[[1.0, np.nan], [2.0, np.nan], [1.0, 0.0]]]),
        outputs=np.zeros((1, 3, 1)), distance=np.zeros((1, 3)), valid=np.ones((1, 3), dtype=bool),
        kind="counterfactual", data=data,
    )  # fmt: skip

    assert found.changed[0].tolist() == [[False, False], [True, False], [False, True]]


def test_measurements_add_up_to_a_table() -> None:
    m = Measurement.of("auc", 0.8, n=10, low=0.7, high=0.9) + Measurement.of("mae", 2.0, n=10)

    assert len(m) == 2
    assert m.to_frame()["value"].tolist() == [0.8, 2.0]
    with pytest.raises(InputError, match="differ in length"):
        Measurement(
            name=("a", "b"), value=m.value, low=m.low, high=m.high, n=m.n, group=("all",),
            unit=m.unit, better=m.better, method=m.method,
        )  # fmt: skip


@pytest.mark.parametrize("rows", [[], np.zeros(3, dtype=bool), slice(0, 0)])
def test_no_rows_may_be_taken_and_shown(rows: list[int]) -> None:
    e = attribution()[rows]

    assert len(e) == 0
    assert "0 rows" in repr(e)
    assert "0 rows" in e._repr_html_()


def test_rows_may_come_from_any_iterable() -> None:
    e = attribution()

    assert_allclose(e[(i for i in (2, 0))].values, e.values[[2, 0]])


def test_a_table_of_rows_is_refused() -> None:
    with pytest.raises(InputError, match="of 3 rows"):
        attribution()[np.zeros((2, 2), dtype=np.int64)]


def test_means_of_magnitudes_bear_no_sign_and_no_residual() -> None:
    e = attribution(k=1)

    for shown in (repr(e), repr(e.importance()), e.importance()._repr_html_()):
        assert "+" not in shown.replace("e+", "")
        assert "mean absolute" in shown
    assert "residual" in repr(e)
    assert "residual" not in repr(e.importance())
    assert "mean absolute" not in repr(e[0])
