"""Unknown columns of a table take values as if the known ones had been set by hand.

``v(S) = E[f(X) | do(X_S = x_S)]``: setting a column changes its effects and not its causes (Heskes
et al. 2020, arXiv:2011.01625). A column then gets credit for what it does to the prediction, itself
and through its effects, and not for what it merely goes with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.copula import copula_of
from whence.maskers.columns import Groups, place_of, players_of
from whence.maskers.drawn import Complete, check_samples, drawing
from whence.maskers.scene import OpenScene
from whence.models.predict import Predict

_PAIR = 2

Edge: TypeAlias = tuple[str | int, str | int]
"""Cause and effect, by name or, where the table has no names, by number."""


@dataclass(frozen=True, slots=True, eq=False)
class Causal:
    """Unknown columns take values as if the known ones had been set, by a graph of causes.

    Columns are drawn in the order of the graph, causes first, each given its own causes by the
    Gaussian copula of the background (see `Conditional`, also for what it makes of categories and
    missing values). Known ones are set. A column without causes is drawn by itself: columns that
    depend on each other need an arrow between them, or a common cause in the table. Whether the
    arrows are right, no data can tell.

    Attributes
    ----------
    background : table of shape (background, columns)
        Rows that tell how strong each cause is, in the form of ``X``; some hundreds at least.
    graph : sequence of (cause, effect)
        Pairs of columns, by name, or by number where the table has no names.
    samples : int
        Completions drawn for each coalition. The same random numbers, spread evenly and in pairs
        of opposite signs, serve all coalitions and rows.
    groups : dict or None
        Name -> columns that are one player; see `Marginal`.

    References
    ----------
    Heskes, Sijben, Bucur & Claassen 2020, arXiv:2011.01625.

    Examples
    --------
    >>> from whence.core.table import table_of
    >>> from whence.models.predict import read_predict
    >>> cause = np.arange(100.0)
    >>> masker = Causal(np.column_stack([cause, cause]), graph=[("x0", "x1")], samples=50)
    >>> open_scene = masker.bind(read_predict(len))
    >>> scene = open_scene(table_of(np.array([[90.0, 90.0]])), np.random.default_rng(0))
    >>> scene.mask(np.array([0]), np.array([[True, False]])).inputs.native[:, 1].min() > 60
    np.True_
    >>> scene.mask(np.array([0]), np.array([[False, True]])).inputs.native[:, 0].min() > 60
    np.False_
    """

    background: object
    graph: Sequence[Edge]
    samples: int = 100
    groups: Groups | None = None

    def bind(self, view: Predict) -> OpenScene:
        """Check the graph, learn from the background and return what opens scenes.

        Raises
        ------
        InputError
            If the background does not fit the model, or the graph has a cycle or other columns.
        """
        check_samples(self.samples)
        Z = view.read(self.background, what="background")
        players = players_of(Z, self.groups)
        causes = _causes(Z, self.graph)
        order = _order(Z, causes)
        copula = copula_of(Z.numbers)
        complete = _completing(copula.correlation, [(j, causes[j]) for j in order])
        return drawing(Z, players, copula, complete, self.samples)


def _causes(Z: Table, graph: object) -> list[Ints]:
    """Return the causes of each column."""
    if not isinstance(graph, Sequence) or isinstance(graph, str):
        raise _no_graph(graph)
    causes: list[set[int]] = [set() for _ in Z.names]
    for edge in graph:
        if not isinstance(edge, (tuple, list)) or len(edge) != _PAIR:
            raise _no_graph(edge)
        cause, effect = (
            place_of(Z, column, f"The edge {tuple(edge)!r} of the graph") for column in edge
        )
        causes[effect].add(cause)
    return [np.array(sorted(found), dtype=np.int64) for found in causes]


def _no_graph(what: object) -> InputError:
    return InputError(
        f"graph is, or holds, {what!r:.60}. A list of pairs (cause, effect) of columns is needed, "
        "such as [('age', 'income'), ('job', 'income')]."
    )


def _order(Z: Table, causes: list[Ints]) -> list[int]:
    """Return the columns, causes before their effects."""
    try:
        return list(TopologicalSorter({j: c.tolist() for j, c in enumerate(causes)}).static_order())
    except CycleError as error:
        cycle = " -> ".join(repr(Z.names[j]) for j in error.args[1])
        raise InputError(
            f"graph has a cycle, {cycle}. Nothing is its own cause. Take out one of these arrows; "
            f"the columns are {shorten(Z.names)}."
        ) from error


def _completing(correlation: Floats, steps: list[tuple[int, Ints]]) -> Complete:
    """Return what draws the scores of columns one after the other, each given its causes."""
    rules = []
    for effect, causes in steps:
        among, upon = correlation[np.ix_(causes, causes)], correlation[causes, effect]
        strength = np.linalg.solve(among, upon)
        rules.append((effect, causes, strength, np.sqrt(max(0.0, 1.0 - strength @ upon))))

    def complete(known: Bools, scores: Floats, draws: Floats) -> Floats:
        drawn = np.empty((len(known), *draws.shape[1:]))
        for effect, causes, strength, own in rules:
            free = drawn[:, :, causes] @ strength + own * draws[:, :, effect]
            drawn[:, :, effect] = np.where(known[:, effect, None], scores[:, effect, None], free)
        return drawn

    return complete
