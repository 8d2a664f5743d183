"""The rows that prototypes do not stand for, of a data set or of each class.

They are where the distribution of the rows and that of the prototypes differ most:
`whence.kernels.mmd_critic`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.examples import Examples
from whence.core.method import Explain, Rows
from whence.kernels.mmd_critic import criticisms, prototypes
from whence.maskers.likeness import Embed
from whence.maskers.typical import Comparing, Group, Picks, picked
from whence.models.predict import Predict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Criticisms:
    """The rows that prototypes do not stand for, of a data set or of each class.

    They are where the distribution of the rows and that of the prototypes, each with the share
    that it stands for, differ most, and differ from each other. ``score`` is the witness function:
    how much denser the rows are there than the prototypes or, if it is negative, how much less
    dense. ``distance`` is that from the nearest prototype of the class.

    Attributes
    ----------
    count : int
        Criticisms in all. Each class has as many as its share of the rows, but one at least.
    prototypes : int
        Prototypes in all that are criticized: the ``count`` of ``Prototypes``.
    per_class : bool or None
        Whether the rows of each class are explained by themselves; None means yes for classifiers.
    embed : callable or None
        Rows in the user's form -> numbers of shape (rows, features), by which they are compared;
        needed for texts. None compares as ``Prototypes`` does.
    weights : mapping from column to number, or None
        How much each column of a table counts in the distance; None counts all alike.

    References
    ----------
    Kim, Khanna & Koyejo 2016, NeurIPS 29 (MMD-critic). Chen, Zhang & Zhou 2018, arXiv:1709.05135
    (greedy determinants). Gower 1971, doi:10.2307/2528823.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])
    >>> e = wh.explain(lambda X: X[:, 0], X, Criticisms(count=1, prototypes=2), rng=0)
    >>> e.candidates
    array([[[9.]]])
    """

    count: int = 6
    prototypes: int = 6
    per_class: bool | None = None
    embed: Embed | None = None
    weights: Mapping[str, float] | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "Kim, Khanna and Koyejo 2016, NeurIPS 29", "arXiv:1709.05135", "10.2307/2528823",
    )  # fmt: skip
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Examples]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        check_whole("count", self.count)
        check_whole("prototypes", self.prototypes)
        comparing = Comparing(per_class=self.per_class, embed=self.embed, weights=self.weights)
        comparing.check()

        def pick(group: Group) -> Picks:
            chosen, _ = prototypes(group.gram, group.share(self.prototypes))
            index, witness = criticisms(group.gram, chosen, group.share(self.count))
            near = group.apart(index, chosen).min(axis=1)
            return Picks(index=index, score=witness, distance=near)

        def explain(rows: Rows, *, rng: Generator) -> Examples:
            wanted = {"count": self.count, "prototypes": self.prototypes}
            return picked("criticism", pick, comparing, wanted, view, rows, rng)

        return explain
