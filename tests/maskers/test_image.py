"""What an image masker shows of an image, and what stands for the rest."""

import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from whence.core.errors import InputError, MissingDependencyError
from whence.core.inputs import Images, images_of, series_of
from whence.core.types import Bools
from whence.maskers.fill import blurred, inpainted
from whence.maskers.image import Hide, ImageMasker
from whence.maskers.scene import Scene
from whence.maskers.superpixels import grid, superpixels

HIDES = ("blur", "inpaint", "mean", 0.25)
DTYPES = (np.uint8, np.float32, np.float64, np.uint16, np.bool_)
FORMS = ("first", "last", "none")


def photos(n: int = 3, height: int = 21, width: int = 16, channels: int = 3) -> NDArray[np.float64]:
    """Return smooth images with edges, between 0 and 1, of shape (n, height, width, channels)."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width]
    slope = 0.3 * (y / height)[None, ..., None] * rng.random((n, 1, 1, channels))
    edge = (x > width * rng.random((n, 1, 1)))[..., None] * rng.random((n, 1, 1, channels))
    return np.asarray(slope + 0.6 * edge + 0.02 * rng.random((n, height, width, channels)))


def opened(masker: ImageMasker, images: Images) -> Scene:
    return masker.bind(None)(images, np.random.default_rng(0))


def some(scene: Scene, count: int = 8) -> Bools:
    """Return coalitions, the first empty and the second full."""
    known = np.random.default_rng(1).random((count, *scene.shape)) < 0.5
    known[0], known[1] = False, True
    return known


def pixels_of(scene: Scene, row: int, known: Bools) -> NDArray[np.generic]:
    inputs = scene.mask(np.full(len(known), row), known).inputs
    assert isinstance(inputs, Images)
    return inputs.pixels


def in_form(pixels: NDArray[np.generic], form: str) -> Images:
    if form == "none":
        return images_of(pixels[..., 0], channels="none")
    moved = np.moveaxis(pixels, -1, 1) if form == "first" else pixels
    return images_of(np.ascontiguousarray(moved), channels=form)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hide", HIDES)
def test_known_pixels_are_the_images_own_bit_by_bit(
    hide: float | str, dtype: type[np.generic], form: str
) -> None:
    own = photos()
    own = own * 255 if dtype in (np.uint8, np.uint16) else own
    own = own > 0.3 if dtype is np.bool_ else own
    hide = 1 if hide == 0.25 and not np.issubdtype(dtype, np.floating) else hide
    images = in_form(own.astype(dtype), form)
    scene = opened(ImageMasker(segments=9, divide="grid", hide=hide), images)  # type: ignore[arg-type]
    segments = scene.data.segments  # type: ignore[attr-defined]
    for row in range(3):
        known = some(scene)
        made = pixels_of(scene, row, known)
        assert made.dtype == dtype
        for one, kept in zip(made, known, strict=True):
            shown = kept[segments[row]]
            np.testing.assert_array_equal(one[shown], images.pixels[row][shown])


@pytest.mark.parametrize("form", FORMS)
def test_masks_keep_the_form_of_the_users_array(form: str) -> None:
    images = in_form(photos().astype(np.float32), form)
    scene = opened(ImageMasker(segments=4, divide="grid"), images)
    made = scene.mask(np.array([0, 2]), np.ones((2, 4), dtype=bool)).inputs

    native = images.native
    assert isinstance(native, np.ndarray)
    np.testing.assert_array_equal(made.native, native[[0, 2]])  # type: ignore[call-overload]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_color_stands_for_unknown_pixels_as_in_a_naive_loop(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 7))
    ids = data.draw(arrays(np.int64, (height, width), elements=st.integers(-3, 3)))
    image = data.draw(arrays(np.uint8, (1, height, width, 3)))
    color = data.draw(st.tuples(*[st.integers(0, 255)] * 3))
    scene = opened(ImageMasker(divide=ids, hide=color), images_of(image, channels="last"))
    numbers = sorted(set(ids.ravel().tolist()))
    known = data.draw(arrays(np.bool_, (3, len(numbers))))

    assert scene.names == tuple(f"segment {i}" for i in numbers)
    for one, kept in zip(pixels_of(scene, 0, known), known, strict=True):
        for y in range(height):
            for x in range(width):
                shown = kept[numbers.index(ids[y, x])]
                assert tuple(one[y, x]) == (tuple(image[0, y, x]) if shown else color)


def test_mean_is_the_images_own_color() -> None:
    own = photos()
    scene = opened(ImageMasker(divide="grid", hide="mean"), images_of(own))
    for row in range(3):
        empty = pixels_of(scene, row, np.zeros((1, *scene.shape), dtype=bool))[0]
        expected = own[row].reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(empty, np.broadcast_to(expected, empty.shape))


def test_blur_is_the_gaussian_mean_of_the_pixels_there_are() -> None:
    image, sigma = photos(1, 9, 7)[0], 1.3
    y, x = np.mgrid[:9, :7]
    for i, j in ((0, 0), (4, 3), (8, 2)):
        reach = (abs(y - i) <= 4 * sigma) & (abs(x - j) <= 4 * sigma)
        weights = np.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * sigma**2)) * reach
        expected = (weights[..., None] * image).sum(axis=(0, 1)) / weights.sum()
        np.testing.assert_allclose(blurred(image, sigma)[i, j], expected, rtol=1e-12)


def test_blur_leaves_one_color_alone_and_hides_detail() -> None:
    np.testing.assert_allclose(blurred(np.full((30, 40, 2), 7.0), 2.0), 7.0)
    checkered = np.indices((64, 64)).sum(axis=0)[..., None] % 2.0
    assert np.ptp(blurred(checkered, 0.05 * 64)) < 0.02


def naive_inpainting(image: NDArray[np.float64], known: Bools) -> NDArray[np.float64]:
    """Fill one plane: average two by two until all is known, then interpolate back."""
    if known.all() or image.shape == (1, 1):
        return image
    height, width = image.shape
    coarse = np.zeros(((height + 1) // 2, (width + 1) // 2))
    some_known = np.zeros(coarse.shape, dtype=bool)
    for i, j in np.ndindex(coarse.shape):
        block = (slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
        some_known[i, j] = known[block].any()
        coarse[i, j] = image[block][known[block]].mean() if some_known[i, j] else 0.0
    coarse = naive_inpainting(coarse, some_known)
    out = image.copy()
    for i, j in np.argwhere(~known):
        out[i, j] = sum(
            a * b * coarse[y, x]
            for y, a in _between(i, coarse.shape[0])
            for x, b in _between(j, coarse.shape[1])
        )
    return out


def _between(place: int, size: int) -> list[tuple[int, float]]:
    """Return the two coarse pixels that a fine one lies between, and their shares."""
    other = place // 2 + (1 if place % 2 else -1)
    return [(place // 2, 0.75), (min(max(other, 0), size - 1), 0.25)]


@pytest.mark.parametrize("shape", [(8, 8), (13, 6), (1, 9), (7, 1), (1, 1), (2, 3)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_inpainting_is_push_pull(shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(3)
    image = rng.random(shape)
    known = rng.random(shape) < share
    known[0, 0] = True
    made = inpainted(np.stack([image, 2 * image]).astype(np.float32), known)

    expected = naive_inpainting(image, known)
    np.testing.assert_allclose(made[0], expected, atol=1e-6)
    np.testing.assert_allclose(made[1], 2 * expected, atol=1e-6)


def test_inpainting_stays_within_the_known_colors_and_keeps_one_color() -> None:
    known = np.random.default_rng(0).random((40, 30)) < 0.2
    image = np.random.default_rng(1).random((1, 40, 30)).astype(np.float32)
    made = inpainted(image, known)
    assert image[0][known].min() <= made.min()
    assert made.max() <= image[0][known].max() + 1e-6
    np.testing.assert_allclose(inpainted(np.full_like(image, 0.7), known), 0.7, rtol=1e-6)


@pytest.mark.parametrize("divide", ["slic", "grid"])
@pytest.mark.parametrize("channels", [1, 3, 4, 6])
def test_parts_are_numbered_from_zero_and_all_present(divide: str, channels: int) -> None:
    scene = opened(
        ImageMasker(segments=12, divide=divide),  # type: ignore[arg-type]
        images_of(photos(channels=channels), channels="last"),
    )
    segments = scene.data.segments  # type: ignore[attr-defined]

    assert segments.dtype == np.int32
    assert segments.shape == (3, 21, 16)
    for own, count in zip(segments, scene.counts, strict=True):
        np.testing.assert_array_equal(np.unique(own), np.arange(count))
    assert scene.shape == (max(scene.counts),)


@pytest.mark.parametrize("count", [8, 20, 50, 150])
@pytest.mark.parametrize("kind", ["noise", "flat", "gray noise", "noise on an edge"])
def test_there_are_about_as_many_superpixels_as_asked_for(kind: str, count: int) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (96, 96, 1 if kind == "gray noise" else 3), dtype=np.uint8)
    image = np.full_like(image, 9) if kind == "flat" else image
    if kind == "noise on an edge":
        image //= 8
        image[:, 40:] += 128
    found = superpixels(image, count, 10.0)
    assert 0.5 * count <= found.max() + 1 <= 2.0 * count


def test_superpixels_follow_an_edge_in_color_and_in_gray() -> None:
    image = np.zeros((1, 40, 40, 3), dtype=np.uint8)
    image[:, :, 23:] = (200, 180, 20)
    for pixels in (image, image.mean(axis=-1, keepdims=True).astype(np.uint8), image / 100.0 - 1):
        scene = opened(ImageMasker(segments=16), images_of(pixels, channels="last"))
        own = scene.data.segments[0]  # type: ignore[attr-defined]
        assert not set(own[:, :22].ravel()) & set(own[:, 24:].ravel())


@pytest.mark.parametrize("hide", HIDES)
def test_an_image_is_divided_and_hidden_whatever_others_there_are(hide: float | str) -> None:
    images = images_of(photos(4))
    together = opened(ImageMasker(segments=12, hide=hide), images)  # type: ignore[arg-type]
    known = some(together)
    for row in (3, 1):
        alone = opened(ImageMasker(segments=12, hide=hide), images[slice(row, row + 1)])  # type: ignore[arg-type]
        count = alone.counts[0]
        assert count == together.counts[row]
        np.testing.assert_array_equal(
            pixels_of(alone, 0, known[:, :count]), pixels_of(together, row, known)
        )
    mixed = together.mask(np.array([3, 0, 3]), known[:3]).inputs
    np.testing.assert_array_equal(mixed.pixels[2], pixels_of(together, 3, known[2:3])[0])  # type: ignore[attr-defined]


def test_slic_gives_each_image_parts_of_its_own_and_no_names() -> None:
    assert opened(ImageMasker(), images_of(photos(1))).names == ()
    assert opened(ImageMasker(divide="grid"), images_of(photos(1))).names[:2] == (
        "row 0, column 0", "row 0, column 1",
    )  # fmt: skip


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 200))
def test_a_grid_has_about_as_many_cells_as_asked_for(height: int, width: int, count: int) -> None:
    cells, names = grid(height, width, count)
    np.testing.assert_array_equal(np.unique(cells), np.arange(len(names)))
    assert len(names) <= height * width
    if height == width and count <= height:
        assert count / 2 <= len(names) <= 2 * count


def test_maps_that_images_carry_are_their_parts() -> None:
    images = images_of(photos(2))
    maps = np.stack([np.arange(21)[:, None] // 7 * np.ones(16, int), np.full((21, 16), 5)])
    scene = opened(ImageMasker(divide="own", hide=0.0), images.divided(maps.astype(np.int32)))

    assert scene.counts.tolist() == [3, 1]
    made = pixels_of(scene, 0, np.array([[True, False, True]]))[0]
    assert (made[7:14] == 0).all()
    np.testing.assert_array_equal(made[:7], images.pixels[0, :7])


def test_whether_the_empty_image_is_the_same_for_all() -> None:
    images = images_of(photos())
    for hide in HIDES:
        scene = opened(ImageMasker(divide="grid", hide=hide), images)  # type: ignore[arg-type]
        empty = [pixels_of(scene, i, np.zeros((1, *scene.shape), bool)) for i in range(3)]
        assert scene.alike == all(np.array_equal(empty[0], other) for other in empty)


def test_a_tensor_is_masked_as_a_tensor() -> None:
    torch = pytest.importorskip("torch")
    X = torch.from_numpy(np.moveaxis(photos(), -1, 1).astype(np.float32).copy())
    scene = opened(ImageMasker(segments=4, divide="grid", hide=0.0), images_of(X))
    made = scene.mask(np.array([1]), np.ones((1, 4), dtype=bool)).inputs.native

    assert torch.equal(made, X[1:2])


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "segments": ({"segments": 0}, "segments is 0"),
    "no count": ({"segments": 2.5}, "segments is 2.5"),
    "divide": ({"divide": "felzenszwalb"}, "'felzenszwalb'"),
    "map": ({"divide": np.zeros((3, 4), int)}, "one per pixel"),
    "maps": ({"divide": np.zeros((3, 21, 16), int)}, "divided"),
    "own": ({"divide": "own"}, "carry no maps"),
    "hide": ({"hide": "noise"}, "'noise'"),
    "nothing": ({"hide": None}, "hide is None"),
    "not finite": ({"hide": np.nan}, "Finite"),
    "bytes for shares": ({"divide": "grid", "hide": 128.0}, "scaled as X is"),
    "color": ({"divide": "grid", "hide": (0.0, 1.0)}, "3 channels"),
    "compactness": ({"compactness": 0}, "compactness is 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_refused(case: str) -> None:
    given_, said = WRONG[case]
    with pytest.raises(InputError, match=said):
        opened(ImageMasker(**given_), images_of(photos()))  # type: ignore[arg-type]


def test_superpixels_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(MissingDependencyError, match=r"whence\[images\]"):
        opened(ImageMasker(), images_of(photos()))
    assert opened(ImageMasker(divide="grid"), images_of(photos())).names


def test_a_color_beyond_bytes_is_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        opened(ImageMasker(divide="grid", hide=-1), images_of(np.zeros((1, 8, 8, 3), np.uint8)))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_])
@pytest.mark.parametrize("hide", [0.5, (0.0, 0.5, 1.0), np.full((8, 8, 3), 0.5)])
def test_a_color_between_whole_numbers_is_refused(hide: Hide, dtype: type[np.generic]) -> None:
    images = images_of(np.zeros((1, 8, 8, 3), dtype))
    with pytest.raises(InputError, match=r"hide holds 0\.5 .*whole numbers \("):
        opened(ImageMasker(divide="grid", hide=hide), images)
    opened(ImageMasker(divide="grid", hide=1.0), images)


def test_other_rows_than_images_are_refused() -> None:
    with pytest.raises(InputError, match="series"):
        ImageMasker().bind(None)(series_of(np.zeros((1, 4, 2))), np.random.default_rng(0))


def test_a_thousand_masks_of_a_photograph_take_less_than_a_second() -> None:
    image = np.random.default_rng(0).random((1, 224, 224, 3)).astype(np.float32)
    scene = opened(ImageMasker(divide="grid"), images_of(image))
    known = some(scene, scene.batch)
    assert scene.batch * image.nbytes <= 64_000_000
    best = np.inf
    for _ in range(3):
        started = time.process_time()
        pixels_of(scene, 0, known)
        best = min(best, (time.process_time() - started) * 1000 / len(known))
    assert best < 2.0  # 0.4 where nothing else runs
