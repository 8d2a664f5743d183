"""An image divided into parts: superpixels that follow its edges, or a grid."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import MissingDependencyError
from whence.core.types import Int32s

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
        About how many.
    compactness : float
        Weight of distance against color; the larger, the squarer are the superpixels.

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
    found = slic(
        _seen(image),
        n_segments=segments,
        compactness=compactness,
        sigma=_SMOOTH,
        start_label=0,
        channel_axis=-1,
    )
    return numbered(found)[0]


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
