"""Exact values for trees of any depth, in rational arithmetic.

Where 2**players coalitions cannot be listed, each leaf is its own game. Player j of its path lets
pass h_j (0 or 1) of the weight when known and a share c_j when unknown, so the leaf is worth
v(S) = value * prod over S of h * prod of the others' c. The sum over all coalitions of size t is
the coefficient of y^t in prod_j (c_j + h_j y), which integers hold exactly. Players off the path
are dummies. Against a background every c is 0 or 1, and the sum has a closed form of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import TypeAlias

import numpy as np

from reference.trees import goes_left
from whence.core.types import Floats
from whence.models.trees import Nodes

Path: TypeAlias = dict[int, tuple[int, Fraction]]
Share: TypeAlias = Callable[[int], Fraction]
Values: TypeAlias = dict[tuple[int, ...], Fraction]


def polynomial(factors: Iterable[tuple[int, Fraction]]) -> tuple[list[int], int]:
    """Return the coefficients of prod (c + h y), as integers over a common denominator."""
    coefficients, denominator = [1], 1
    for h, c in factors:
        low = [c.numerator * e for e in coefficients]
        high = [h * c.denominator * e for e in coefficients]
        coefficients = [a + b for a, b in zip([*low, 0], [0, *high], strict=True)]
        denominator *= c.denominator
    return coefficients, denominator


def without(coefficients: list[int], h: int, c: Fraction) -> list[int]:
    """Divide a product by its factor c.numerator + h c.denominator y, which leaves no remainder."""
    a, b = c.numerator, h * c.denominator
    if a == 0:
        return [e // b for e in coefficients[1:]]
    quotient = [coefficients[0] // a]
    for e in coefficients[1:-1]:
        quotient.append((e - b * quotient[-1]) // a)
    return quotient


def leaf_values(path: Path, order: int, *, banzhaf: bool = False) -> Values:
    """Return the interaction index of every set of ``order`` players of a leaf of value 1."""
    whole, denominator = polynomial(path.values())
    if not any(whole):  # a player who lets nothing pass, known or not: nobody changes anything
        return {}
    values = {}
    for S in combinations(sorted(j for j, (h, c) in path.items() if h != c), order):
        rest, scale, product = whole, denominator, Fraction(1)
        for h, c in (path[j] for j in S):
            rest, scale, product = without(rest, h, c), scale // c.denominator, product * (h - c)
        n = len(rest) - 1
        if banzhaf:
            mean = Fraction(sum(rest), scale * 2**n)
        else:
            total = sum(factorial(t) * factorial(n - t) * e for t, e in enumerate(rest))
            mean = Fraction(total, scale * factorial(n + 1))
        values[S] = product * mean
    return values


def binary_leaf_values(path: Path) -> Values:
    """Return the Shapley values of a leaf whose shares are all 0 or 1, by the closed form.

    With P the players that only the row passes and N those that only the background row passes,
    the values are (p - 1)! q! / (p + q)! in P and -p! (q - 1)! / (p + q)! in N.
    """
    if any(h == c == 0 for h, c in path.values()):
        return {}
    P = [j for j, (h, c) in path.items() if h > c]
    N = [j for j, (h, c) in path.items() if h < c]
    p, q = len(P), len(N)
    of_P = {(j,): Fraction(factorial(p - 1) * factorial(q), factorial(p + q)) for j in P}
    of_N = {(j,): Fraction(-factorial(p) * factorial(q - 1), factorial(p + q)) for j in N}
    return of_P | of_N


def paths(nodes: Nodes, tree: int, x: Floats, share: Share) -> Iterator[tuple[int, Path]]:
    """Yield each leaf of a tree with the path to it; ``share`` of the unknown goes left."""
    todo: list[tuple[int, Path]] = [(int(nodes.start[tree]), {})]
    while todo:
        v, path = todo.pop()
        if nodes.feature[v] < 0:
            yield v, path
            continue
        player, left, r = int(nodes.player[nodes.feature[v]]), goes_left(nodes, v, x), share(v)
        h, c = path.get(player, (1, Fraction(1)))
        todo.append((int(nodes.left[v]), {**path, player: (h * left, c * r)}))
        todo.append((int(nodes.right[v]), {**path, player: (h * (not left), c * (1 - r))}))


def add_up(nodes: Nodes, x: Floats, share: Share, rule: Callable[[Path], Values]) -> list[Values]:
    """Return the sum over all leaves of ``rule`` times the leaf's value, per output."""
    totals: list[Values] = [{} for _ in range(nodes.outputs)]
    for tree in range(nodes.trees):
        target = int(nodes.target[tree])
        for leaf, path in paths(nodes, tree, x, share):
            parts = rule(path)
            for column, value in enumerate(nodes.value[leaf]):
                total = totals[target if target >= 0 else column]
                for S, part in parts.items():
                    total[S] = total.get(S, Fraction(0)) + Fraction(float(value)) * part
    return totals


def by_cover(nodes: Nodes) -> Share:
    """Return the share of the unknown that goes left, by the cover of the children."""

    def share(v: int) -> Fraction:
        left, right = (Fraction(float(nodes.cover[side[v]])) for side in (nodes.left, nodes.right))
        return left / (left + right) if left + right > 0 else Fraction(1, 2)

    return share


def dense(nodes: Nodes, totals: list[Values], order: int) -> Floats:
    """Return the values as an array of shape (*players, outputs), symmetric in the players."""
    out = np.zeros((nodes.players,) * order + (nodes.outputs,))
    for output, total in enumerate(totals):
        for S, value in total.items():
            for i in np.ndindex(*(order,) * order):
                if len(set(i)) == order:
                    out[(*(S[a] for a in i), output)] = float(value)
    return out


def path_dependent(nodes: Nodes, x: Floats, order: int = 1, *, banzhaf: bool = False) -> Floats:
    """Return SII (or BII) of every set of ``order`` players, of shape (*players, outputs)."""
    rule = lambda path: leaf_values(path, order, banzhaf=banzhaf)  # noqa: E731  short and local
    return dense(nodes, add_up(nodes, x, by_cover(nodes), rule), order)


def interventional(nodes: Nodes, x: Floats, Z: Floats) -> Floats:
    """Return the Shapley values against a background, of shape (players, outputs)."""
    values = []
    for b in Z:

        def share(v: int, b: Floats = b) -> Fraction:
            return Fraction(int(goes_left(nodes, v, b)))

        values.append(dense(nodes, add_up(nodes, x, share, binary_leaf_values), 1))
    return np.asarray(np.mean(values, axis=0))


def expected(nodes: Nodes) -> Floats:
    """Return what the trees say when nothing is known, of shape (outputs,), by cover."""
    share = by_cover(nodes)
    total = [Fraction(float(b)) for b in nodes.base]
    for tree in range(nodes.trees):
        todo = [(int(nodes.start[tree]), Fraction(1))]
        while todo:
            v, weight = todo.pop()
            if nodes.feature[v] >= 0:
                r = share(v)
                todo += [(int(nodes.left[v]), weight * r), (int(nodes.right[v]), weight * (1 - r))]
                continue
            for column, value in enumerate(nodes.value[v]):
                output = int(nodes.target[tree]) if nodes.target[tree] >= 0 else column
                total[output] += weight * Fraction(float(value))
    return np.array([float(t) for t in total])
