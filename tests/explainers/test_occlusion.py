"""Occlusion is one question per part: f(x) less f(x without it)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import whence as wh
from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Images, Series, images_of, series_of
from whence.core.types import Floats
from whence.explainers.occlusion import Occlusion
from whence.maskers.image import ImageMasker
from whence.maskers.series import SeriesMasker
from whence.maskers.tabular import Marginal
from whence.maskers.text import TextMasker


def explained(model: object, X: object, **settings: object) -> Attribution:
    return wh.explain(model, X, Occlusion(**settings), rng=0)  # type: ignore[arg-type]


def test_of_a_linear_model_it_is_the_weight_times_the_distance_from_the_background() -> None:
    rng = np.random.default_rng(0)
    w, X, Z = rng.normal(size=(5, 2)), rng.normal(size=(4, 5)), rng.normal(size=(7, 5))
    e = explained(lambda x: x @ w + 1, X, background=Z)

    expected = (X - Z.mean(axis=0))[:, :, None] * w
    np.testing.assert_allclose(e.values, expected, atol=1e-12)
    np.testing.assert_allclose(e.base_values, np.tile(Z.mean(axis=0) @ w + 1, (4, 1)))
    np.testing.assert_allclose(e.residual, 0, atol=1e-12)


def test_it_is_the_fall_of_the_output_as_in_a_naive_loop() -> None:
    def model(x: Floats) -> Floats:
        return np.asarray(np.tanh(x[:, 0] * x[:, 1]) + x[:, 2] ** 2)

    rng = np.random.default_rng(1)
    X, Z = rng.normal(size=(3, 3)), rng.normal(size=(6, 3))
    e = explained(model, X, masker=Marginal(Z))
    for i in range(3):
        for j in range(3):
            without = np.tile(X[i], (6, 1))
            without[:, j] = Z[:, j]
            expected = model(X[i : i + 1])[0] - model(without).mean()
            assert e.values[i, j, 0] == pytest.approx(expected, abs=1e-12)


def test_nothing_is_sampled_and_nothing_asked_twice() -> None:
    Z = np.zeros((4, 3))
    e = explained(lambda x: x.sum(axis=1), Z + 1, background=Z[:2])

    assert e.stderr is None
    assert e.converged is None
    assert not e.provenance.warnings
    # each row, the row of which nothing is known, each row again at most once, and 3 parts of each
    assert e.provenance.evaluations <= 4 + 4 * 2 + 4 * 2 + 4 * 3 * 2


def test_parts_of_texts() -> None:
    texts = ["good good film", "bad", "not bad, not bad!"]
    e = explained(lambda t: [s.count("good") - s.count("bad") for s in t], texts)

    assert e.mask is not None
    assert e.mask.tolist() == [[True] * 3 + [False], [True] + [False] * 3, [True] * 4]
    assert e.values[..., 0].tolist() == [[1, 1, 0, 0], [-1, 0, 0, 0], [0, -1, 0, -1]]
    assert e[1:2].values.shape == (1, 4, 1)


def test_parts_of_images_and_series_are_those_of_their_maskers() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.random((2, 8, 12, 3)), rng.normal(size=(8, 12, 3))
    e = explained(
        lambda x: (x * w).sum(axis=(1, 2, 3)), X, masker=ImageMasker(divide="grid", hide=0.1)
    )
    assert isinstance(e.data, Images)
    assert e.data.segments is not None
    for part in range(e.values.shape[1]):
        inside = (e.data.segments == part)[..., None]
        expected = (inside * (X - 0.1) * w).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(e.values[:, part, 0], expected, atol=1e-12)

    S, v = rng.random((2, 9, 2)), rng.normal(size=(9, 2))
    s = explained(lambda x: (x * v).sum(axis=(1, 2)), S, masker=SeriesMasker(segments=3))
    gain = (S - S.mean(axis=1, keepdims=True)) * v
    expected = gain.reshape(2, 3, 3, 2).sum(axis=2)
    np.testing.assert_allclose(s.values[..., 0], expected, atol=1e-12)


def naive_windows(
    model: object, x: NDArray[np.float64], window: tuple[int, int], stride: tuple[int, int]
) -> Floats:
    """Slide a window of zeros over two axes, and average at each place what it changed."""
    height, width = x.shape[:2]
    total, count = np.zeros((height, width)), np.zeros((height, width))
    places = [
        sorted({*range(0, max(1, size - w + 1), s), max(0, size - w)})
        for size, w, s in zip((height, width), window, stride, strict=True)
    ]
    for y in places[0]:
        for i in places[1]:
            inside = (slice(y, y + window[0]), slice(i, i + window[1]))
            hidden = x.copy()
            hidden[inside] = 0.0
            total[inside] += model(x[None])[0] - model(hidden[None])[0]  # type: ignore[operator]
            count[inside] += 1
    return total / count


@given(
    st.integers(1, 9), st.integers(1, 9), st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.data(),
)  # fmt: skip
def test_windows_over_images_are_those_of_a_naive_loop(
    height: int, width: int, window: tuple[int, int], data: st.DataObject
) -> None:
    stride = tuple(data.draw(st.integers(1, w)) for w in window)
    rng = np.random.default_rng(height * 10 + width)
    X, w = rng.random((2, height, width, 1)), rng.normal(size=(height, width, 1))

    def model(x: Floats) -> Floats:
        return np.asarray(np.tanh((x * w).sum(axis=(1, 2, 3))))

    e = explained(
        model,
        images_of(X, channels="last"),
        masker=ImageMasker(hide=0.0),
        window=window,
        stride=stride,
    )
    assert e.values.shape == (2, height, width, 1)
    assert e.mask is None
    assert e.stderr is None
    for i in range(2):
        expected = naive_windows(model, X[i], window, stride)  # type: ignore[arg-type]
        np.testing.assert_allclose(e.values[i, ..., 0], expected, atol=1e-12)


def test_windows_over_series_hide_each_channel_by_itself() -> None:
    rng = np.random.default_rng(0)
    X, w = rng.random((2, 11, 3)), rng.normal(size=(11, 3))

    def model(x: Floats) -> Floats:
        return np.asarray(np.sin((x * w).sum(axis=(1, 2))))

    e = explained(
        model,
        series_of(X, channels=("a", "b", "c")),
        masker=SeriesMasker(hide=0.0),
        window=4,
        stride=2,
    )
    assert e.values.shape == (2, 11, 3, 1)
    assert e.names.features[:4] == ("a, lag 11", "b, lag 11", "c, lag 11", "a, lag 10")
    for i in range(2):
        expected = naive_windows(model, X[i], (4, 1), (2, 1))
        np.testing.assert_allclose(e.values[i, ..., 0], expected, atol=1e-12)


def test_the_cost_of_a_window_is_as_documented() -> None:
    asked: list[int] = []

    def model(x: NDArray[np.float32]) -> Floats:
        asked.append(len(x))
        return np.asarray(x.mean(axis=(1, 2, 3)), dtype=np.float64)

    X = np.zeros((1, 224, 224, 3), dtype=np.float32)
    e = explained(model, X, masker=ImageMasker(hide=0.0), window=32, stride=16)
    assert sum(asked) == e.provenance.evaluations == 1 + 2 + 169


def test_a_batch_is_its_rows_one_by_one() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((4, 10, 10, 3))

    def model(x: Floats) -> Floats:
        return np.stack([np.exp(x.mean(axis=(1, 2, 3))), x[:, 5, 5, 0]], axis=1)

    for settings in ({}, {"window": 4}, {"masker": ImageMasker(hide="inpaint"), "window": 3}):
        whole = explained(model, X, **settings)
        for i in range(4):
            alone = explained(model, X[i : i + 1], **settings)
            width = alone.values.shape[1]
            np.testing.assert_array_equal(whole.values[i : i + 1, :width], alone.values)


def test_an_interrupt_keeps_the_rows_that_are_done() -> None:
    calls: list[int] = []

    def model(x: NDArray[np.float64]) -> Floats:
        calls.append(len(x))
        if len(calls) > 5:
            raise KeyboardInterrupt
        return np.asarray(x.sum(axis=(1, 2, 3)))

    e = explained(model, np.ones((50, 4, 4, 1)), masker=ImageMasker(hide=0.0), window=2)
    assert 0 < len(e) < 50
    assert e.values.shape[1:] == (4, 4, 1)
    assert isinstance(e.data, Images)


def test_the_data_of_windows_are_the_rows_themselves() -> None:
    S = np.random.default_rng(0).random((3, 8))
    e = explained(lambda x: x.sum(axis=1), series_of(S), window=2)
    assert isinstance(e.data, Series)
    np.testing.assert_array_equal(e.data.values[..., 0], S)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "background"),
        ({"background": np.zeros((1, 2)), "masker": TextMasker()}, "both given"),
        ({"background": np.zeros((1, 2)), "stride": 2}, "stride is 2"),
        ({"background": np.zeros((1, 2)), "window": 2}, "window"),
        ({"masker": ImageMasker(), "window": 0}, "window is 0"),
        ({"masker": ImageMasker(), "window": (1, 2, 3)}, "window is"),
        ({"masker": ImageMasker(), "window": 2, "stride": 3}, "stride is 3"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        explained(lambda x: x.sum(axis=1), np.ones((1, 2)), **settings)


def test_a_window_needs_a_masker_of_the_kind_of_the_rows() -> None:
    with pytest.raises(InputError, match="TextMasker"):
        explained(
            lambda x: x.sum(axis=(1, 2, 3)), np.ones((1, 4, 4, 3)), masker=TextMasker(), window=2
        )
    with pytest.raises(InputError, match="ImageMasker"):
        explained(lambda x: x.sum(axis=(1, 2)), np.ones((1, 4, 3)), masker=ImageMasker(), window=2)
    with pytest.raises(InputError, match="texts"):
        explained(lambda t: [0.0] * len(t), ["a b"], window=2)
