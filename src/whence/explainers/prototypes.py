"""The rows that are most typical of a data set, or of each class that a model decides for.

They are picked so that their distribution is as near as possible to that of the rows, in the
maximum mean discrepancy of a kernel: `whence.kernels.mmd_critic`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.examples import Examples
from whence.core.method import Explain, Rows
from whence.kernels.mmd_critic import prototypes, weights
from whence.maskers.likeness import Embed
from whence.maskers.typical import Comparing, Group, Picks, picked
from whence.models.predict import Predict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prototypes:
    """The rows that are most typical of a data set, or of each class that a model decides for.

    The result has an entry for each class, or the one entry "all". Its ``candidates`` are rows of
    ``X``, ``index`` says which, in the order in which they were picked one by one. ``score`` is
    the share of the rows that each stands for when all together are nearest to the distribution of
    the rows, ``distance`` the mean distance of those rows whose nearest prototype it is.

    Attributes
    ----------
    count : int
        Prototypes in all. Each class has as many as its share of the rows, but one at least.
    per_class : bool or None
        Whether the rows of each class are explained by themselves; None means yes for classifiers.
    embed : callable or None
        Rows in the user's form -> numbers of shape (rows, features), by which they are compared;
        needed for texts. None compares the columns of tables by Gower's distance (numbers by their
        ranges in ``X``, categories and missing cells by whether they are the same), and images and
        series by the root of their mean squared difference.
    weights : mapping from column to number, or None
        How much each column of a table counts in the distance; None counts all alike.

    Notes
    -----
    The kernel is exp(-distance / median distance). All rows count, at a cost that grows with the
    square of their number: 30,000 rows take about half a minute. Give a sample of more.

    References
    ----------
    Kim, Khanna & Koyejo 2016, NeurIPS 29 (MMD-critic). Gurumoorthy et al. 2019,
    doi:10.1109/ICDM.2019.00036 (ProtoDash, the shares). Gower 1971, doi:10.2307/2528823.

    Examples
    --------
    >>> import whence as wh
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    >>> e = wh.explain(lambda X: X[:, 0], X, Prototypes(count=2), rng=0)
    >>> e.names.rows, e.index, e.score.round(2)
    (('all',), array([[1, 3]]), array([[0.6, 0.4]]))
    """

    count: int = 6
    per_class: bool | None = None
    embed: Embed | None = None
    weights: Mapping[str, float] | None = None

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "Kim, Khanna and Koyejo 2016, NeurIPS 29", "10.1109/ICDM.2019.00036", "10.2307/2528823",
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
        comparing = Comparing(per_class=self.per_class, embed=self.embed, weights=self.weights)
        comparing.check()

        def pick(group: Group) -> Picks:
            index, _ = prototypes(group.gram, group.share(self.count))
            apart = group.apart(np.arange(len(group.rows)), index)
            nearest, many = apart.argmin(axis=1), len(index)
            members = np.maximum(np.bincount(nearest, minlength=many), 1)
            mean = np.bincount(nearest, apart.min(axis=1), minlength=many) / members
            best = weights(group.gram, index)
            return Picks(index=index, score=best / best.sum(), distance=mean)

        def explain(rows: Rows, *, rng: Generator) -> Examples:
            wanted = {"count": self.count}
            return picked("prototype", pick, comparing, wanted, view, rows, rng)

        return explain
