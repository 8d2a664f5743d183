"""Random tree ensembles and rows for property tests.

Thresholds fall on a coarse grid, so that rows often land exactly on them. Every generator is a
plain function of a seeded ``Generator``; the Hypothesis strategies draw its arguments.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st
from numpy.random import Generator

from whence.core.types import Floats
from whence.models.trees import Nodes

seeds = st.integers(0, 2**32 - 1)

THRESHOLDS = np.array([-2.5, -1.0, -0.5, 0.0, 1e-36, 0.1, 0.5, 1.0, 1.5, 3.0])
CATEGORIES = 200


@dataclass(slots=True)
class _Growing:
    """Node arrays while they grow: one list per array of `Nodes`."""

    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    words: list[list[int]] = field(default_factory=list)

    def leaf(self) -> int:
        self.feature.append(-1)
        self.threshold.append(np.nan)
        self.left.append(-1)
        self.right.append(-1)
        self.words.append([])
        return len(self.feature) - 1

    def split(self, v: int, feature: int, threshold: float, words: list[int]) -> tuple[int, int]:
        """Turn leaf ``v`` into a split and return its two new leaves."""
        self.feature[v], self.threshold[v], self.words[v] = feature, threshold, words
        self.left[v], self.right[v] = self.leaf(), self.leaf()
        return self.left[v], self.right[v]


def bits(rng: Generator, categories: int) -> list[int]:
    """Return a random set of category codes below ``categories`` as 64-bit words."""
    members = np.flatnonzero(rng.random(categories) < 0.5)
    words = [0] * max(1, (categories + 63) // 64)
    for code in members:
        words[code // 64] |= 1 << (int(code) % 64)
    return words


def random_nodes(
    rng: Generator,
    *,
    trees: int = 3,
    depth: int = 4,
    columns: int = 5,
    players: int | None = None,
    outputs: int = 1,
    width: int | None = None,
    categorical: float = 0.3,
    missing: bool = True,
    zero_cover: float = 0.1,
    stop: float = 0.2,
) -> Nodes:
    """Return a random ensemble.

    Parameters
    ----------
    rng : Generator
        Source of all choices.
    trees, depth, columns, outputs : int
        Sizes. Columns repeat on a path whenever depth exceeds them.
    players : int or None
        Fewer than ``columns``: some players own several columns; some may own none. None: a player
        per column.
    width : int or None
        1: every tree adds to one output; ``outputs``: leaves are vectors.
    categorical : float
        Share of the columns that are categorical, with 2 to 200 categories.
    missing : bool
        Whether missing values may go left, and zeros may count as missing.
    zero_cover : float
        Share of leaves that no training row reached.
    stop : float
        Chance that a node above ``depth`` stays a leaf; a root that does is a single-leaf tree.
    """
    width = outputs if width is None else width
    of_column = np.where(
        rng.random(columns) < categorical, rng.integers(2, CATEGORIES + 1, columns), 0
    )
    grown, start = _Growing(), [0]
    for _ in range(trees):
        frontier = [(grown.leaf(), 0)]
        while frontier:
            v, level = frontier.pop(rng.integers(len(frontier)))
            if level == depth or rng.random() < stop:
                continue
            feature = int(rng.integers(columns))
            words = bits(rng, of_column[feature]) if of_column[feature] else []
            children = grown.split(v, feature, float(rng.choice(THRESHOLDS)), words)
            frontier += [(child, level + 1) for child in children]
        start.append(len(grown.feature))
    return _finish(rng, grown, start, columns, players, outputs, width, missing, zero_cover)


def chain(
    rng: Generator, depth: int, *, columns: int | None = None, flip: bool = True, cover: float = 0.5
) -> Nodes:
    """Return one tree in which every split has a leaf for a child: as deep as trees get.

    ``columns`` (default: ``depth``) are used in turn, one player each. ``flip``: the chain goes on
    at a random side, else always left. ``cover`` is the share of training weight that stays on it.
    """
    columns = depth if columns is None else columns
    grown = _Growing()
    v = grown.leaf()
    on_chain = []
    for level in range(depth):
        children = grown.split(v, level % columns, float(rng.choice(THRESHOLDS)), [])
        v = children[int(flip and rng.random() < 0.5)]
        on_chain.append((v, sum(children) - v))
    nodes = _finish(rng, grown, [0, len(grown.feature)], columns, None, 1, 1, True, 0.0)
    weight, covers = 1.0, np.ones(len(nodes.cover))
    for kept, left_behind in on_chain:
        covers[kept], covers[left_behind] = weight * cover, weight * (1 - cover)
        weight *= cover
    return replace(nodes, cover=covers)


def big_tree(rng: Generator, nodes: int = 40_001, columns: int = 30) -> Nodes:
    """Return one random tree with ``nodes`` nodes (an odd number), more than 16 bits can number."""
    grown = _Growing()
    frontier = [grown.leaf()]
    while len(grown.feature) < nodes:
        at = int(rng.integers(len(frontier)))
        frontier[at], frontier[-1] = frontier[-1], frontier[at]
        v = frontier.pop()
        frontier += grown.split(v, int(rng.integers(columns)), float(rng.choice(THRESHOLDS)), [])
    return _finish(rng, grown, [0, nodes], columns, None, 1, 1, True, 0.05)


def _finish(
    rng: Generator,
    grown: _Growing,
    start: list[int],
    columns: int,
    players: int | None,
    outputs: int,
    width: int,
    missing: bool,
    zero_cover: float,
) -> Nodes:
    """Give grown trees their values, covers and the rest."""
    n, trees = len(grown.feature), len(start) - 1
    feature = np.array(grown.feature, dtype=np.int32)
    left, right = (np.array(side, dtype=np.int32) for side in (grown.left, grown.right))
    cover = rng.integers(1, 50, n) * (rng.random(n) >= zero_cover).astype(np.float64)
    for v in np.flatnonzero(feature >= 0)[::-1]:
        cover[v] = cover[left[v]] + cover[right[v]]
    # A parent's weight, summed by a library in float32, need not be its children's to the last bit.
    cover *= np.where(feature >= 0, 1 + 1e-7 * rng.random(n), 1)
    sizes = [len(words) for words in grown.words]
    words = [word for of_node in grown.words for word in of_node]
    number = np.array(sizes) == 0
    return Nodes(
        start=np.array(start, dtype=np.int64),
        feature=feature,
        threshold=np.array(grown.threshold),
        left=left,
        right=right,
        missing_left=(feature >= 0) & (rng.random(n) < 0.5 * missing),
        zero_missing=(feature >= 0) & number & (rng.random(n) < 0.2 * missing),
        category_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        category_words=np.array(words, dtype=np.uint64),
        value=rng.normal(size=(n, width)),
        cover=cover,
        target=(rng.integers(0, outputs, trees) if width == 1 else np.full(trees, -1)).astype(
            np.int32
        ),
        base=rng.normal(size=outputs),
        player=(
            np.arange(columns) if players is None else rng.integers(0, players, columns)
        ).astype(np.int32),
        players=columns if players is None else players,
    )


def rows_for(nodes: Nodes, rng: Generator, n: int) -> Floats:
    """Return rows that try every edge of every split, of shape (n, columns).

    Numbers are thresholds, their two neighbors, zeros of both signs, magnitudes around 1e-35, NaN
    and plain values; categories are in range, out of range, negative, fractional, huge and NaN.
    """
    X = np.empty((n, nodes.columns))
    words = np.diff(nodes.category_start)
    for column in range(nodes.columns):
        here = nodes.feature == column
        if (words[here] > 0).any():
            top = 64 * int(words[here].max())
            odd = [-1.0, -0.5, 0.0, 2.7, top - 1.0, top, top + 1.0, 1e6, 2.0**62, 1e300]
            plain = rng.integers(0, top, n).astype(np.float64)
        else:
            edges = nodes.threshold[here] if here.any() else THRESHOLDS
            odd = [
                *rng.choice(edges, 4),
                np.nextafter(rng.choice(edges), np.inf),
                np.nextafter(rng.choice(edges), -np.inf),
                *(0.0, -0.0, 1e-35, -1e-35, 1.1e-35, -1e-36),
            ]
            plain = rng.normal(size=n) * 2
        X[:, column] = np.where(rng.random(n) < 0.5, plain, rng.choice(odd, n))
    X[rng.random(X.shape) < 0.08] = np.nan
    return X


def any_nodes(rng: Generator, *, columns: int = 6, depth: int = 5) -> Nodes:
    """Return an ensemble of random size, small enough to list all coalitions of its players.

    Large ones prevail: a tree with fewer than three players on a path cannot tell many a wrong
    index from the right one.
    """
    outputs = int(rng.integers(1, 4))
    return random_nodes(
        rng,
        trees=int(rng.integers(1, 6)),
        depth=int(rng.choice([0, 1, 2, *[depth] * 9])),
        columns=int(rng.choice([1, 2, *[columns] * 6])),
        players=(None, None, None, None, 1, 3, 4, 6)[rng.integers(8)],
        outputs=outputs,
        width=int(rng.choice([1, outputs])),
        categorical=float(rng.choice([0.0, 0.4, 1.0])),
        missing=bool(rng.random() < 0.7),
        zero_cover=float(rng.choice([0.0, 0.0, 0.1, 0.6])),
        stop=float(rng.choice([0.0, 0.05, 0.3])),
    )


def ensembles(*, columns: int = 6, depth: int = 5) -> st.SearchStrategy[Nodes]:
    """Draw an ensemble by its seed: sizes drawn one by one would mostly be the smallest."""
    return seeds.map(
        lambda seed: any_nodes(np.random.default_rng(seed), columns=columns, depth=depth)
    )
