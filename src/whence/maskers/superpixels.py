"""An image divided into parts: superpixels that follow its edges, or a grid."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import MissingDependencyError
from whence.core.types import Int32s

_ENOUGH = 0.7
"""Share of the superpixels asked for with which one is content."""
_MORE = 3.0
"""How many times as many are asked for at most where too few were left."""
_SQUARER = (1.0, 10.0, 100.0)
"""Factors of the compactness to try until there are enough."""
_COLOR = (3, 4)
"""Channels of an image whose first three are red, green and blue."""
_SMOOTH = 1.0
"""Standard deviation in pixels of a blur before: of noise, no superpixels can be made."""


def superpixels(image: NDArray[Any], segments: int, compactness: float) -> Int32s:
    """Return a map (height, width) of superpixels, numbered from 0, by SLIC.

    Parameters
    ----------
    image : array of shape (height, width, channels)
        Of one or more than four channels the mean is read, as gray.
    segments : int
        About how many. Where so many are merged, as those of noise are, that fewer than 70 % are
        left, it is tried again for more of them and for squarer ones, and the number nearest to
        this one is kept.
    compactness : float
        Weight of distance against color at first; the larger, the squarer are the superpixels.

    Raises
    ------
    MissingDependencyError
        If scikit-image is not installed.

    References
    ----------
    Achanta et al., doi:10.1109/TPAMI.2012.120.
    """
    try:
        from skimage.segmentation import slic
    except ModuleNotFoundError as error:
        raise MissingDependencyError.of(
            "ImageMasker(divide='slic')", "scikit-image", "images"
        ) from error
    seen, wish = _seen(image), min(segments, image.shape[0] * image.shape[1])

    def divided(asked: int, weight: float) -> tuple[Int32s, int]:
        made = slic(
            seen,
            n_segments=asked,
            compactness=weight,
            sigma=_SMOOTH,
            start_label=0,
            channel_axis=-1,
        )
        parts, ids = numbered(made)
        return parts, len(ids)

    tried: list[tuple[Int32s, int]] = []
    for squarer in _SQUARER:
        tried.append(divided(segments, compactness * squarer))
        if tried[-1][1] < _ENOUGH * wish:
            more = min(segments / tried[-1][1], _MORE)
            tried.append(divided(round(segments * more), compactness * squarer))
        best, count = min(tried, key=lambda one: (abs(np.log(one[1] / wish)), -one[1]))
        if _ENOUGH * wish <= count <= wish / _ENOUGH:
            break
    return best


def grid(height: int, width: int, segments: int) -> tuple[Int32s, tuple[str, ...]]:
    """Return a map (height, width) of about as many cells, nearly square, and their names.

    Examples
    --------
    >>> grid(2, 4, 2)[0].tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    rows = int(np.clip(round((segments * height / width) ** 0.5), 1, height))
    columns = int(np.clip(round(segments / rows), 1, width))
    row, column = (np.arange(size) * n // size for size, n in ((height, rows), (width, columns)))
    names = (f"row {i}, column {j}" for i in range(rows) for j in range(columns))
    return (row[:, None] * columns + column).astype(np.int32), tuple(names)


def numbered(found: NDArray[Any]) -> tuple[Int32s, NDArray[Any]]:
    """Return a map with its numbers replaced by 0, 1, ... in ascending order, and the numbers."""
    ids, places = np.unique(found, return_inverse=True)
    return places.reshape(found.shape).astype(np.int32), ids


def _seen(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the image as red, green and blue between 0 and 1.

    Gray is read as three equal channels, so that ``compactness`` weighs the same for it.
    """
    seen = image.astype(np.float64)
    seen = seen[..., :3] if image.shape[-1] in _COLOR else seen.mean(axis=-1, keepdims=True)
    if image.dtype == np.uint8:
        seen /= 255.0
    elif seen.min() < 0.0 or seen.max() > 1.0:
        seen -= seen.min()
        seen /= seen.max() or 1.0
    return np.ascontiguousarray(np.broadcast_to(seen, (*image.shape[:2], 3)))
