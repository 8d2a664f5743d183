"""What a row is compared with: the baseline of a path method, in the form of what a network reads.

Values then say what led from the answer about the baseline to the answer about the row. There is no
baseline that suits all; black pixels cannot be important where the baseline is black. Several
baselines, over which the mean is taken, leave less to that choice.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from whence.core.errors import InputError

Baseline: TypeAlias = (
    float | str | NDArray[Any] | list[float] | dict[str, Any] | tuple[Any, ...] | None
)
"""A number; an array of the shape of a row or with one number per channel; "mask", "pad" or "zero"
for texts and ids; "blur" for images; a dict with one of these per argument of the network; or
several of these in a tuple. A tuple of numbers alone is an array. None: 0, or of ids the mask
token, padding or the zero vector, the first that there is. Special tokens and padding stay."""

OF_IDS = ("mask", "pad", "zero")
BLUR = "blur"


def check_baseline(setting: Baseline) -> None:
    """Refuse what is no baseline, before any work.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> check_baseline((0.0, np.ones(3)))
    """
    for one in several(setting) or ((),):
        for part in one.values() if isinstance(one, dict) else (one,):
            if not _known(part):
                raise InputError(
                    f"baseline is {part!r:.60}. A finite number, an array of the shape of a row or "
                    "with one number per channel, 'mask', 'pad' or 'zero' for texts, 'blur' for "
                    "images, None, or a tuple of several of these is needed."
                )


def several(setting: Baseline) -> tuple[Any, ...]:
    """Return the baselines that a setting names.

    Examples
    --------
    >>> several((0.1, 0.2, 0.3)), several((None, "blur"))
    (((0.1, 0.2, 0.3),), (None, 'blur'))
    """
    numbers = isinstance(setting, tuple) and all(isinstance(one, (int, float)) for one in setting)
    return setting if isinstance(setting, tuple) and not (numbers and setting) else (setting,)


def _known(part: object) -> bool:
    if part is None or isinstance(part, str):
        return part is None or part in (*OF_IDS, BLUR)
    if isinstance(part, (bool, dict)) or not isinstance(
        part, (int, float, list, tuple, np.ndarray)
    ):
        return False
    array = np.asarray(part)
    return array.size > 0 and array.dtype.kind in "fiu" and bool(np.isfinite(array).all())
