"""What stands in an image where it is unknown: its own blur, or what the known pixels suggest.

Inpainting is push-pull (Gortler et al., 1996, doi:10.1145/237170.237200): the known pixels are
averaged two by two, again and again, until each coarse pixel knows something; then each unknown
pixel takes what the next coarser level says, interpolated. It is linear in the number of pixels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whence.core.types import Bools, Floats

Singles = NDArray[np.float32]

_REACH = 4.0
"""Standard deviations after which a Gaussian is cut off."""
_NEAR, _FAR = np.float32(0.75), np.float32(0.25)
"""Shares of the two coarse pixels that a fine one lies between."""


def blurred(image: NDArray[Any], sigma: float) -> Floats:
    """Return an image of shape (height, width, channels), blurred by a Gaussian.

    Parameters
    ----------
    sigma : float
        Standard deviation in pixels. At the edges the mean is that of the pixels there are.
    """
    height, width, _ = image.shape
    upright = np.tensordot(_gaussian(height, sigma), image.astype(np.float64), axes=1)
    return np.asarray(np.einsum("vw,hwc->hvc", _gaussian(width, sigma), upright, optimize=True))


def inpainted(image: Singles, known: Bools) -> Singles:
    """Return an image whose unknown pixels are made of the known ones.

    Parameters
    ----------
    image : float32 array of shape (channels, height, width)
    known : bool array of shape (height, width)
        If none is known, the mean of the whole image stands for all.
    """
    if not known.any():
        return np.broadcast_to(image.mean(axis=(1, 2), keepdims=True), image.shape)
    some = known.astype(np.float32)[None]
    level, finer = image * some, []
    while max(level.shape[1:]) > 1:
        finer.append((level, some))
        count = _halved(some)
        level = _halved(level) / np.maximum(count, 1)
        some = (count > 0).astype(np.float32)
    for values, there in reversed(finer):
        height, width = values.shape[1:]
        level = _doubled(_doubled(level, height).swapaxes(1, 2), width).swapaxes(1, 2)
        level *= 1 - there
        level += values
    return level


def cast(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in another type, rounded and kept within the range of whole numbers."""
    if dtype.kind == "b":
        return np.asarray(values >= 0.5)  # noqa: PLR2004  nearer to one than to zero
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return np.asarray(values, dtype=dtype)


def _gaussian(size: int, sigma: float) -> Floats:
    """Return the weights (size, size) of each place in the mean at each place."""
    apart = np.subtract.outer(np.arange(size), np.arange(size)) / sigma
    weights = np.where(np.abs(apart) <= _REACH, np.exp(-0.5 * apart**2), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _halved(level: Singles) -> Singles:
    """Sum two by two pixels; the last line may be a single one."""
    _, height, width = level.shape
    if height % 2 or width % 2:
        level = np.pad(level, ((0, 0), (0, height % 2), (0, width % 2)))
    lines = level[:, 0::2] + level[:, 1::2]
    return np.asarray(lines[..., 0::2] + lines[..., 1::2])


def _doubled(level: Singles, size: int) -> Singles:
    """Interpolate the lines of axis 1 to ``size``, which is twice as many or one less."""
    channels, lines, width = level.shape
    near, far = _NEAR * level, _FAR * level
    out = np.empty((channels, 2 * lines, width), dtype=level.dtype)
    out[:, 0], out[:, -1] = level[:, 0], level[:, -1]
    np.add(near[:, 1:], far[:, :-1], out=out[:, 2::2])
    np.add(near[:, :-1], far[:, 1:], out=out[:, 1:-1:2])
    return out[:, :size]
