"""What a series masker shows of a series, and what stands for the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from whence.core.errors import InputError
from whence.core.inputs import Series, series_of, texts_of
from whence.core.types import Bools, Floats
from whence.maskers.scene import Scene
from whence.maskers.series import SeriesMasker

HIDES = ("mean", "noise", "interpolate", 0.5)


def prices(n: int = 3, times: int = 14, channels: int = 2) -> Floats:
    return np.random.default_rng(2).normal(size=(n, times, channels)).cumsum(axis=1)


def opened(masker: SeriesMasker, X: object, seed: int = 0) -> Scene:
    return masker.bind(None)(series_of(X), np.random.default_rng(seed))


def some(scene: Scene, count: int = 8) -> Bools:
    players = int(np.prod(scene.shape))
    known = np.random.default_rng(1).random((count, players)) < 0.5
    known[0], known[1] = False, True
    return known


def made(scene: Scene, row: int, known: Bools, u: Floats | None = None) -> NDArray[np.generic]:
    """Return what the model is asked about, of shape (coalitions, copies, times, channels)."""
    inputs = scene.mask(np.full(len(known), row), known, u).inputs
    assert isinstance(inputs, Series)
    return inputs.values.reshape(len(known), -1, *inputs.values.shape[1:])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("hide", HIDES)
def test_known_values_are_the_series_own_bit_by_bit(
    hide: float | str, dtype: type[np.generic]
) -> None:
    X = (10 * prices()).astype(dtype)
    hide = 2.0 if hide == 0.5 and not np.issubdtype(dtype, np.floating) else hide
    scene = opened(SeriesMasker(segments=4, hide=hide), X)  # type: ignore[arg-type]
    segments = scene.data.segments  # type: ignore[attr-defined]
    known = some(scene)
    for row in range(3):
        values = made(scene, row, known)
        assert values.dtype == dtype
        for copies, kept in zip(values, known, strict=True):
            shown = kept[segments[row]]
            for one in copies:
                np.testing.assert_array_equal(one[shown], X[row][shown])


@pytest.mark.parametrize("background", [None, prices(20) + 5])
def test_the_mean_stands_for_unknown_values_as_in_a_naive_loop(background: Floats | None) -> None:
    X = prices()
    scene = opened(SeriesMasker(segments=4, background=background), X)
    known = some(scene)
    for row in range(3):
        for (one,), kept in zip(made(scene, row, known), known, strict=True):
            for t in range(14):
                for c in range(2):
                    segment = t * 4 // 14
                    over = X[row, :, c] if background is None else background[:, t, c]
                    expected = X[row, t, c] if kept[segment * 2 + c] else over.mean()
                    assert one[t, c] == pytest.approx(expected, rel=1e-12)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_interpolation_is_a_line_between_known_neighbors(data: st.DataObject) -> None:
    times = data.draw(st.integers(1, 9))
    numbers = st.floats(-5, 5, width=32)
    X = data.draw(arrays(np.float64, (1, times, 2), elements=numbers))
    kept = data.draw(arrays(np.bool_, (times, 2)))
    scene = opened(SeriesMasker(segments=times, hide="interpolate"), X)
    (one,) = made(scene, 0, kept.reshape(1, -1))[0]
    for c in range(2):
        place = np.flatnonzero(kept[:, c])
        if place.size:
            expected = np.interp(np.arange(times), place, X[0, place, c])
        else:
            expected = np.full(times, X[0, :, c].mean())
        np.testing.assert_allclose(one[:, c], expected, atol=1e-12)


def test_noise_has_the_mean_and_spread_of_the_series() -> None:
    X = 3 + 2 * prices(1, 50, 1)
    scene = opened(SeriesMasker(segments=5, hide="noise", copies=2000), X)
    assert scene.copies == 2000
    (copies,) = made(scene, 0, np.zeros((1, 5), dtype=bool))
    np.testing.assert_allclose(copies.mean(), X.mean(), atol=5 * X.std() / np.sqrt(copies.size))
    np.testing.assert_allclose(copies.std(), X.std(), rtol=0.02)


def test_noise_depends_on_the_seed_and_the_series_alone() -> None:
    X = prices(4)
    masker = SeriesMasker(hide="noise")
    together, again, other = opened(masker, X), opened(masker, X), opened(masker, X, seed=1)
    alone = opened(masker, X[2:3])
    known = some(together)

    np.testing.assert_array_equal(made(together, 2, known), made(again, 2, known))
    np.testing.assert_array_equal(made(together, 2, known), made(alone, 0, known))
    assert not np.array_equal(made(together, 2, known), made(other, 2, known))
    empty = made(together, 2, known[:1])[0]
    assert all(not np.array_equal(empty[0], copy) for copy in empty[1:])


def test_a_number_draws_one_of_the_copies() -> None:
    scene = opened(SeriesMasker(hide="noise", copies=4), prices())
    known = some(scene, 5)
    everything = made(scene, 1, known)
    drawn = made(scene, 1, known, np.array([0.0, 0.3, 0.5, 0.99, 0.74]))
    assert drawn.shape[1] == 1
    for i, copy in enumerate([0, 1, 2, 3, 2]):
        np.testing.assert_array_equal(drawn[i, 0], everything[i, copy])


@pytest.mark.parametrize("hide", HIDES)
def test_rows_are_masked_whatever_others_there_are(hide: float | str) -> None:
    X = prices(4)
    masker = SeriesMasker(hide=hide)  # type: ignore[arg-type]
    together, alone = opened(masker, X), opened(masker, X[1:2])
    known = some(together)
    np.testing.assert_array_equal(made(together, 1, known), made(alone, 0, known))


def test_players_are_segments_by_channels_named_by_lags() -> None:
    scene = opened(SeriesMasker(segments=3), series_of(prices(2, 7), channels=("close", "volume")))
    segments = scene.data.segments  # type: ignore[attr-defined]

    assert scene.shape == (3, 2)
    assert scene.names == (
        "close, lags 5-7", "volume, lags 5-7", "close, lags 3-4", "volume, lags 3-4",
        "close, lags 1-2", "volume, lags 1-2",
    )  # fmt: skip
    assert scene.counts.tolist() == [6, 6]
    assert segments.dtype == np.int32
    assert segments[0, :, 0].tolist() == [0, 0, 0, 2, 2, 4, 4]
    np.testing.assert_array_equal(segments[..., 1], segments[..., 0] + 1)


def test_a_short_series_has_one_player_per_point_in_time() -> None:
    scene = opened(SeriesMasker(segments=10), prices(1, 3, 1)[..., 0])
    assert scene.shape == (3, 1)
    assert scene.names == ("lag 3", "lag 2", "lag 1")


def test_the_users_own_segments_are_taken_together() -> None:
    scene = opened(SeriesMasker(segments=np.array([7, 7, 2, 7]), hide=0.0), np.ones((1, 4)))
    assert scene.shape == (2, 1)
    assert made(scene, 0, np.array([[True, False]]))[0, 0, :, 0].tolist() == [0, 0, 1, 0]


def test_masks_keep_the_form_of_the_users_array() -> None:
    X = prices()[..., 0]
    scene = opened(SeriesMasker(), X)
    whole = scene.mask(np.array([0, 2]), np.ones((2, 10), dtype=bool)).inputs.native
    np.testing.assert_array_equal(whole, X[[0, 2]])  # type: ignore[call-overload]


def test_whether_the_empty_series_is_the_same_for_all() -> None:
    for hide in HIDES:
        for background in (None, prices(9)):
            scene = opened(SeriesMasker(hide=hide, background=background), prices())  # type: ignore[arg-type]
            empty = [made(scene, i, np.zeros((1, 20), bool)) for i in range(3)]
            alike = all(np.array_equal(empty[0], other) for other in empty)
            assert scene.alike in (alike, False)
    assert opened(SeriesMasker(hide=0.0), prices()).alike


@pytest.mark.parametrize(
    ("masker", "said"),
    [
        (SeriesMasker(segments=0), "segments is 0"),
        (SeriesMasker(segments=True), "segments is True"),
        (SeriesMasker(segments=np.zeros(3, int)), "each of the 14 points"),
        (SeriesMasker(copies=0), "copies is 0"),
        (SeriesMasker(hide="blur"), "'blur'"),  # type: ignore[arg-type]
        (SeriesMasker(hide=np.inf), "finite"),
        (SeriesMasker(background=prices(2, 5)), "as many times"),
    ],
)
def test_wrong_settings_are_refused(masker: SeriesMasker, said: str) -> None:
    with pytest.raises(InputError, match=said):
        opened(masker, prices())


def test_other_rows_than_series_are_refused() -> None:
    with pytest.raises(InputError, match="texts"):
        SeriesMasker().bind(None)(texts_of(["a"]), np.random.default_rng(0))


@pytest.mark.parametrize("hide", [0.5, -1.0, 256.0])
def test_a_number_that_bytes_cannot_hold_is_refused(hide: float) -> None:
    series = series_of(np.array([[1, 2, 3, 4]], dtype=np.uint8))
    with pytest.raises(InputError, match="whole numbers"):
        SeriesMasker(hide=hide).bind(None)(series, np.random.default_rng(0))
    SeriesMasker(hide=255.0).bind(None)(series, np.random.default_rng(0))
