"""The cheapest change of a row that gets a wanted answer from a tree ensemble, with proof.

Every player takes one of a finite list of alternatives. Branch and bound over boxes, products of
sets of alternatives, finds the cheapest choice: the problem of [1]_, where a mixed-integer solver
was asked, without one. A box costs at least what its players' cheapest alternatives cost together,
and says at most what the best leaves it can reach say together. What cannot be reached, afforded
under the best choice known, or make up for what is needed is dropped from a box, leaves and
alternatives in turn; the box of the lowest bound is split first, at the cut that leaves the least
budget and score to spare on both sides. Near a row few leaves can be reached, so the bounds are
tight where the cheapest choices are: a live region [2]_ is a box where every tree is decided.

The loops are C++ (``native/counterfactual*``) and release the interpreter lock. They run on one
thread: call them for rows from several.

References
----------
.. [1] Parmentier and Vidal, "Optimal counterfactual explanations in tree ensembles", ICML (2021),
   doi:10.48550/arXiv.2106.06631.
.. [2] Carreira-Perpinan and Hada, "Very fast, approximate counterfactual explanations for decision
   forests", AAAI 37 (2023), doi:10.1609/aaai.v37i6.25848.
"""

from itertools import pairwise
from time import monotonic
from typing import Self

import numpy as np

from whence.core.errors import InputError
from whence.core.types import Floats, Ints
from whence.kernels import _native
from whence.kernels.choices import Couplings, Found, check_alternatives
from whence.kernels.trees import Forest, NodeArrays

_ENDLESS = 2**62


class CounterfactualSearch:
    """A tree ensemble, prepared to be asked for the cheapest choice, row after row.

    Parameters
    ----------
    forest : Forest
        The ensemble.

    Examples
    --------
    One split on the first of two columns, at zero. The first player may stay at -1, or go to 1 at a
    cost of 2; wanted is a raw output of at least 3:

    >>> import numpy as np
    >>> forest = Forest(
    ...     start=np.array([0, 3]), feature=np.array([0, -1, -1], np.int32),
    ...     threshold=np.zeros(3), left=np.array([1, -1, -1], np.int32),
    ...     right=np.array([2, -1, -1], np.int32), missing_left=np.zeros(3, bool),
    ...     zero_missing=np.zeros(3, bool), category_start=np.zeros(4, np.int64),
    ...     category_words=np.empty(0, np.uint64), value=np.array([[0.0], [1.0], [4.0]]),
    ...     cover=np.ones(3), target=np.zeros(1, np.int32), base=np.zeros(1),
    ...     player=np.array([0, 1], np.int32), players=2)
    >>> found = CounterfactualSearch(forest).cheapest(
    ...     start=np.array([0, 2, 3]), cost=np.array([0.0, 2.0, 0.0]),
    ...     encoded=np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 7.0]]),
    ...     G=np.array([[1.0]]), h=np.array([3.0]))
    >>> found.choice, found.cost, found.proved
    (array([1, 2]), 2.0, True)
    """

    __slots__ = ("forest", "native")

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.native = _native.Counterfactual(forest.native)

    @classmethod
    def of(cls, nodes: NodeArrays) -> Self:
        """Prepare the node arrays of a Trees view."""
        return cls(Forest.of(nodes))

    def cheapest(
        self,
        start: Ints,
        cost: Floats,
        encoded: Floats,
        G: Floats,
        h: Floats,
        *,
        couplings: Couplings | None = None,
        incumbent: float = np.inf,
        seconds: float = 1.0,
        boxes: int | None = None,
    ) -> Found:
        """Return the choice of least cost with ``G @ raw(choice) >= h``.

        Parameters
        ----------
        start : int64 array of shape (players + 1,)
            Alternatives ``start[p]:start[p + 1]`` are those of player ``p``, at least one each.
        cost : array of shape (alternatives,)
            Non-negative; the cost of a choice is the sum over players.
        encoded : array of shape (alternatives, columns)
            What the trees read; only the columns of the alternative's own player are looked at.
        G : array of shape (conditions, outputs)
        h : array of shape (conditions,)
            What ``G @ raw`` must reach. Sums are taken in float64: leave the margin that the
            model's own arithmetic needs.
        couplings : Couplings or None
            Linear conditions on which alternatives are taken together.
        incumbent : float
            Cost of a choice that is known already: only cheaper ones are looked for.
        seconds : float
            Time limit, after which the best choice so far is returned with the bound so far.
        boxes : int or None
            Most boxes to look at: a limit that gives the same result on every machine, as long as
            ``seconds`` is not met.

        Raises
        ------
        InputError
            The arrays do not agree, a player has no alternative, or a number is not finite.
        """
        query = _checked(self.forest, start, cost, encoded, G, h)
        A, low = (
            (np.zeros((0, len(query[1]))), np.zeros(0))
            if couplings is None
            else couplings.one_sided(len(query[1]))
        )
        choice, least, bound, proved, looked_at = self.native.cheapest(
            *query, A, low, incumbent, seconds, _ENDLESS if boxes is None else boxes
        )
        return Found(
            choice=np.array(choice, dtype=np.int64) if choice else None,
            cost=least,
            bound=bound,
            proved=proved,
            boxes=looked_at,
        )

    def several(
        self,
        start: Ints,
        cost: Floats,
        encoded: Floats,
        G: Floats,
        h: Floats,
        *,
        count: int,
        couplings: Couplings | None = None,
        seconds: float = 1.0,
        boxes: int | None = None,
    ) -> tuple[Found, ...]:
        """Return up to ``count`` choices, each the cheapest that differs in kind from those before.

        Each leaves some player alone, that is at its first alternative of least cost, in every set
        of players that an earlier choice changed. The parameters are those of `cheapest`; the
        limits are for all together. The last one returned may have no choice: there are no more,
        if that is proved.
        """
        end, left = monotonic() + seconds, boxes
        found: list[Found] = []
        others = couplings
        while len(found) < count:
            one = self.cheapest(
                start, cost, encoded, G, h,
                couplings=others, seconds=max(0.0, end - monotonic()), boxes=left,
            )  # fmt: skip
            found.append(one)
            left = None if left is None else max(0, left - one.boxes)
            if one.choice is None:
                break
            present = _present(start, cost)
            changed = one.choice != present
            if not changed.any():
                break
            others = _and_one_of(others, present[changed], len(cost))
        return tuple(found)


def _present(start: Ints, cost: Floats) -> Ints:
    """Return the first alternative of least cost of every player."""
    return np.array([a + np.argmin(cost[a:b]) for a, b in pairwise(start)], dtype=np.int64)


def _and_one_of(couplings: Couplings | None, members: Ints, alternatives: int) -> Couplings:
    """Add the condition that at least one of some alternatives is taken."""
    row = np.zeros((1, alternatives))
    row[0, members] = 1
    if couplings is None:
        return Couplings(A=row, low=np.ones(1), high=np.full(1, np.inf))
    return Couplings(
        A=np.concatenate([couplings.A, row]),
        low=np.append(couplings.low, 1.0),
        high=np.append(couplings.high, np.inf),
    )


def _checked(
    forest: Forest, start: Ints, cost: Floats, encoded: Floats, G: Floats, h: Floats
) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Return the arrays as the loops read them; raise `InputError` where they do not agree."""
    native = forest.native
    arrays = (
        np.ascontiguousarray(start, dtype=np.int64),
        np.ascontiguousarray(cost, dtype=np.float64),
        np.ascontiguousarray(encoded, dtype=np.float64),
        np.ascontiguousarray(G, dtype=np.float64),
        np.ascontiguousarray(h, dtype=np.float64),
    )
    alternatives, conditions = len(cost), len(h)
    expected: dict[str, tuple[int, ...]] = {
        "start": (native.players + 1,),
        "cost": (alternatives,),
        "encoded": (alternatives, native.columns),
        "G": (conditions, native.outputs),
        "h": (conditions,),
    }
    for (name, shape), array in zip(expected.items(), arrays, strict=True):
        if array.shape != shape:
            raise InputError(f"{name} has the shape {array.shape}, {shape} is needed.")
    check_alternatives(arrays[0], arrays[1], arrays[3], arrays[4])
    return arrays
