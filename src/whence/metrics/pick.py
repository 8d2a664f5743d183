"""Which few explanations show a reader the most of a model: submodular pick."""

from heapq import heapify, heappop, heappush

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import Texts
from whence.core.types import Bools, Floats, Ints


def submodular_pick(e: Attribution, n: int, *, top: int = 5) -> Ints:
    """Choose rows whose explanations together cover what matters to the model.

    A feature matters by the root of the sum of its absolute values over all rows, and is covered
    if it is among the strongest of a chosen row. Rows are chosen one after another, each time the
    one that adds most. No choice of ``n`` rows covers more than 1 / (1 - 1/e), or 1.58 times, what
    this one does.

    Parameters
    ----------
    e : Attribution
        Of many rows. Words of texts are the same feature wherever they occur.
    n : int
        Rows to choose.
    top : int
        So many of the strongest features of a row, by absolute value, are what a reader sees.

    Returns
    -------
    int array of shape (n,)
        Positions of the rows, in the order of choice; of equals the first.

    Raises
    ------
    InputError
        If there are fewer than ``n`` rows, or rows have no feature in common, as superpixels do.

    References
    ----------
    Ribeiro et al. 2016, doi:10.1145/2939672.2939778.

    Examples
    --------
    >>> from whence.core.explanation import Names
    >>> values = np.array([[[5.0], [0.0]], [[4.0], [0.0]], [[0.0], [1.0]]])
    >>> zeros = np.zeros((3, 1))
    >>> names = Names(features=("age", "income"))
    >>> e = Attribution(values=values, base_values=zeros, outputs=zeros, names=names)
    >>> submodular_pick(e, 2, top=1)
    array([0, 2])
    """
    for name, number, most in (("n", n, len(e)), ("top", top, None)):
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not whole or number < 1 or (most is not None and number > most):
            least = f"from 1 to {most}" if most is not None else "from 1"
            raise InputError(f"{name} is {number!r}. A whole number {least} is needed.")
    size = _sizes(e)
    shown = _strongest(size, top)
    return _greedy(shown, np.sqrt(size.sum(axis=0)), n)


def _sizes(e: Attribution) -> Floats:
    """Return the absolute values (rows, features), summed over the outputs."""
    size: Floats = np.abs(e.values).sum(axis=-1).reshape(len(e), -1)
    if e.names.features:
        return size
    if not isinstance(e.data, Texts):
        raise InputError(
            "The rows of this explanation are divided into parts of their own, which have no names "
            "in common. Rows can be picked where all have the same features, or of texts."
        )
    parts = [e.data.parts(i) for i in range(len(e))]
    words = {word: None for row in parts for word in row}
    place = {word: j for j, word in enumerate(words)}
    out = np.zeros((len(e), len(words)))
    for i, row in enumerate(parts):
        np.add.at(out[i], [place[word] for word in row], size[i, : len(row)])
    return out


def _strongest(size: Floats, top: int) -> Bools:
    order = np.argsort(-size, axis=1, kind="stable")[:, :top]
    shown = np.zeros(size.shape, dtype=bool)
    np.put_along_axis(shown, order, values=True, axis=1)
    return np.asarray(shown & (size > 0))


def _greedy(shown: Bools, matters: Floats, n: int) -> Ints:
    """Choose lazily: what a row adds can only shrink, so that few have to be looked at again."""
    covered = np.zeros(len(matters), dtype=bool)
    heap = [(-float(matters[row].sum()), i, 0) for i, row in enumerate(shown)]
    heapify(heap)
    chosen: list[int] = []
    while len(chosen) < n:
        _, i, seen = heappop(heap)
        if seen == len(chosen):
            chosen.append(i)
            covered |= shown[i]
        else:
            gain = float(matters[shown[i] & ~covered].sum())
            heappush(heap, (-gain, i, len(chosen)))
    return np.array(chosen, dtype=np.int64)
