"""A few rules, in order, that decide as a model does: the first that holds counts.

Starting from the decision that the model makes most often, rules for the other decisions are taken
one after the other, the most precise first, each the conjunction of one to three conditions that
sets right most of the rows that are left. Bounds on numbers are then moved to where they are best.
What is reported was measured on rows that no rule was made of.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.decision import decisions
from whence.core.errors import InputError
from whence.core.method import Explain, Rows
from whence.core.rules import Rules
from whence.core.table import Table
from whence.core.types import Bools, Floats, Ints
from whence.kernels.binomial import share
from whence.kernels.cart_tree import Side
from whence.kernels.path_conditions import conditions
from whence.kernels.rule_mining import best_bound, best_rule
from whence.maskers.held_out import (
    Stated,
    check_holdout,
    enough_rows,
    held_out,
    least_rows,
)
from whence.models.decided import decided
from whence.models.predict import Predict

_MINED = 20_000
"""Rows that rules are made of at most; what they cover is counted on all."""
_CUTS = 12
_NEGATED = 6
"""Categories up to which "all but this one" is a condition."""
_PRECISIONS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
_MOST_RULES = 50
_MOST_CONDITIONS = 3

_Literal = tuple[Side, bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleList:
    """An ordered list of rules that decides as a classifier does, with its held-out agreement.

    Give rows like those that the model meets, such as the training data. The result is of kind
    "list": the first rule that holds for a row counts, and the last, "else", always holds.

    Attributes
    ----------
    max_rules : int
        Most rules beside the last, up to 50.
    max_conditions : int
        Most conditions of a rule, up to 3.
    min_samples_leaf : int or None
        Fewest rows that a rule is made of; None: 0.5 % of the rows, 5 at least.
    holdout : float
        Share of the rows that no rule is made of, but all are measured on.

    Notes
    -----
    In the result ``outputs`` is the mean output of the model where a rule is the first to hold,
    ``coverage`` the share of these rows, ``precision`` the share of the held-out ones (``covered``
    of them) for which the model decides as the rule does, and ``precision_low`` its lower 95 %
    bound. ``fidelity`` is the share of all held-out rows for which list and model decide alike,
    with its 95 % interval, the same for every output; ``provenance.warnings`` says what the most
    frequent decision alone would reach.

    References
    ----------
    Rivest, doi:10.1007/BF00058680 (decision lists). Clark and Niblett, doi:10.1007/BF00116835.

    Examples
    --------
    >>> import numpy as np
    >>> import whence as wh
    >>> X = np.random.default_rng(0).uniform(size=(400, 3))
    >>> def model(X):
    ...     return ((X[:, 0] > 0.5) & (X[:, 1] <= 0.5)).astype(float)
    >>> e = wh.explain(model, X, RuleList(), rng=0)
    >>> len(e), e.names.rows, e.outputs[:, 0]
    (2, ('rule 1', 'else'), array([1., 0.]))
    """

    max_rules: int = 10
    max_conditions: int = 2
    min_samples_leaf: int | None = None
    holdout: float = 0.25

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = ("10.1007/BF00058680", "10.1007/BF00116835")
    whole: ClassVar[bool] = True

    def bind(self, view: Predict) -> Explain[Rules]:
        """Check the settings and return the function that explains all rows together.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        _check(self)

        def explain(rows: Rows, *, rng: Generator) -> Rules:
            return _explained(self, view, rows, rng)

        return explain


def _check(method: RuleList) -> None:
    check_whole("max_rules", method.max_rules, most=_MOST_RULES)
    check_whole("max_conditions", method.max_conditions, most=_MOST_CONDITIONS)
    check_whole("min_samples_leaf", method.min_samples_leaf, optional=True)
    check_holdout(method.holdout)


def _explained(method: RuleList, view: Predict, rows: Rows, rng: Generator) -> Rules:
    table = enough_rows(rows, "RuleList", "make rules")
    said = _decisions(view, rows.outputs)
    test, drawn = held_out(len(table), method.holdout, rng)
    train = np.sort(drawn[:_MINED])
    least = least_rows(method.min_samples_leaf, len(train))
    X = table.numbers
    mined = _Mined(X=X[train], decided=said[train], least=least)
    listed = mined.rules(_literals(table, X[train], least), method, rows)
    return _rules(listed, table, rows.outputs, said, test, view)


def _decisions(view: Predict, outputs: Floats) -> Ints:
    """Return what the model decides about each row."""
    found = decided(view, outputs) if view.response == "identity" else None
    if found is not None and found.sure:
        return found.label
    shares = bool(((outputs >= 0) & (outputs <= 1)).all()) and view.response == "identity"
    if not shares:
        raise InputError(
            f"{view.name} answers with {outputs[0].tolist()!r:.60}, which are no probabilities of "
            "classes, and a list of rules tells decisions. Give a classifier, or use "
            "SurrogateTree(), whose leaves hold numbers."
        )
    return decisions(outputs)


def _literals(table: Table, X: Floats, least: int) -> list[_Literal]:
    """Return conditions on single columns: bounds, categories, and that a cell is missing."""
    found: list[_Literal] = []
    for j, levels in enumerate(table.levels):
        absent = np.isnan(X[:, j])
        known = X[~absent, j]
        if least <= absent.sum() <= len(X) - least:
            lost = Side(column=j, threshold=np.inf, members=None, missing_left=False)
            found.append((lost, False))
        if levels is None:
            for cut in _cuts(known):
                low = Side(column=j, threshold=cut, members=None, missing_left=False)
                high = Side(column=j, threshold=cut, members=None, missing_left=True)
                found += [(low, True), (high, False)]
            continue
        count = np.bincount(known.astype(np.int64), minlength=len(levels))
        for code in np.flatnonzero(count >= least):
            members = np.arange(len(levels)) == code
            found.append((_of_members(j, members), True))
            if 2 < len(levels) <= _NEGATED:  # noqa: PLR2004  of two, one is not the other
                found.append((_of_members(j, ~members), True))
    return found


def _of_members(column: int, members: Bools) -> Side:
    return Side(column=column, threshold=np.nan, members=members, missing_left=False)


def _cuts(known: Floats) -> list[float]:
    distinct = np.unique(known)
    if len(distinct) > _CUTS + 1:
        distinct = np.unique(
            np.quantile(known, np.linspace(0, 1, _CUTS + 2), method="inverted_cdf")
        )
    return [float(x) for x in (distinct[1:] + distinct[:-1]) / 2]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Mined:
    """The rows that rules are made of, and what the model decides about them."""

    X: Floats
    decided: Ints
    least: int

    def rules(
        self, literals: list[_Literal], method: RuleList, rows: Rows
    ) -> list[tuple[_Literal, ...]]:
        """Return rules, one after the other, as long as they set enough rows right."""
        holds = np.array([side.left(self.X) == left for side, left in literals], dtype=bool)
        free = np.ones(len(self.X), dtype=bool)
        listed: list[tuple[_Literal, ...]] = []
        for precision in _PRECISIONS:
            while literals and len(listed) < method.max_rules:
                rule = self._next(holds, literals, free, precision, method.max_conditions)
                if rule is None:
                    break
                listed.append(rule)
                free &= ~_holds(rule, self.X)
                rows.progress(len(listed) / (method.max_rules + 1))
        return listed

    def _next(
        self, holds: Bools, literals: list[_Literal], free: Bools, precision: float, most: int
    ) -> tuple[_Literal, ...] | None:
        """Return the rule against the most frequent decision that sets most rows right."""
        left = self.decided[free]
        if len(left) == 0:
            return None
        usual = int(np.bincount(left).argmax())
        best, target = None, usual
        for decision in np.unique(left):
            if decision == usual:
                continue
            found = best_rule(
                holds[:, free], left == decision, left == usual, precision=precision,
                least=self.least, most=most,
            )  # fmt: skip
            if found is not None and found.gain > (best.gain if best else self.least / 2):
                best, target = found, int(decision)
        if best is None:
            return None
        return self._moved(tuple(literals[i] for i in best.conditions), free, target, precision)

    def _moved(
        self, rule: tuple[_Literal, ...], free: Bools, decision: int, precision: float
    ) -> tuple[_Literal, ...]:
        """Move the bounds of a rule, as long as it stays as precise.

        One bound is moved at a time, the others staying, so the way matters: rows lost are first
        counted as much as rows won, and then as much as the precision asked for says.
        """
        strict = precision / max(1 - precision, 1e-3)
        tried = [rule]
        for costs in ((1.0, 1.0), (1.0, strict), (strict, strict)):
            moved = rule
            for cost in costs:
                moved = self._moved_once(moved, free, decision, cost)
            tried.append(moved)
        best, most = rule, -np.inf
        for one in tried:
            right = self.decided[free & _holds(one, self.X)] == decision
            if len(right) >= self.least and right.mean() >= precision:
                gain = float(2 * right.sum() - len(right))
                best, most = (one, gain) if gain > most else (best, most)
        return best

    def _moved_once(
        self, rule: tuple[_Literal, ...], free: Bools, decision: int, cost: float
    ) -> tuple[_Literal, ...]:
        """Move each bound in turn to where it is best if a row lost costs as much as that."""
        for i, (side, left) in enumerate(rule):
            if side.members is not None or np.isinf(side.threshold):
                continue
            x = self.X[:, side.column]
            there = free & _holds((*rule[:i], *rule[i + 1 :]), self.X) & ~np.isnan(x)
            worth = np.where(self.decided[there] == decision, 1.0, -cost)
            cut = best_bound(x[there], worth, upper=left)
            if cut is not None:
                rule = (*rule[:i], (replace(side, threshold=cut), left), *rule[i + 1 :])
        return rule


def _holds(rule: tuple[_Literal, ...], X: Floats) -> Bools:
    out = np.ones(len(X), dtype=bool)
    for side, left in rule:
        out &= side.left(X) == left
    return out


def _first(listed: list[tuple[_Literal, ...]], X: Floats) -> Ints:
    """Return the first rule that holds for each row; their number where none does."""
    first = np.full(len(X), len(listed), dtype=np.int64)
    for i in reversed(range(len(listed))):
        first[_holds(listed[i], X)] = i
    return first


def _rules(
    listed: list[tuple[_Literal, ...]],
    table: Table,
    outputs: Floats,
    decided: Ints,
    test: Ints,
    view: Predict,
) -> Rules:
    first = _first(listed, table.numbers)
    train = np.setdiff1d(np.arange(len(first)), test)
    said, means = _said(first, len(listed) + 1, train, outputs, decided)
    alike = said[first[test]] == decided[test]
    agreed = np.array([float(x) for x in share(alike.sum(), len(test))])
    usual = float((decided[test] == np.bincount(decided[train]).argmax()).mean())
    note = (
        f"On {len(test)} held-out rows the list decides as the model does for {100 * agreed[0]:.1f}"
        f" % ({100 * agreed[1]:.1f} to {100 * agreed[2]:.1f} %); the most frequent decision alone "
        f"for {100 * usual:.1f} %."
    )
    told = np.ones(len(table.names), dtype=bool)
    stated = Stated(
        predicates=(*(conditions(rule, table.names, table.levels, told) for rule in listed), ()),
        names=(*(f"rule {i + 1}" for i in range(len(listed))), "else"),
        outputs=means,
        rule=first,
        kind="list",
    )
    fidelity = np.repeat(agreed[None], outputs.shape[1], axis=0)
    return stated.measured(test, alike, fidelity, table.names, view, (note,))


def _said(
    first: Ints, size: int, train: Ints, outputs: Floats, decided: Ints
) -> tuple[Ints, Floats]:
    """Return what each rule decides, and the mean output where it is the first to hold."""
    said = np.zeros(size, dtype=np.int64)
    means = np.zeros((size, outputs.shape[1]))
    for i in range(size):
        own = train[first[train] == i]
        own = own if len(own) else train
        said[i] = np.bincount(decided[own]).argmax()
        means[i] = outputs[own].mean(axis=0)
    return said, means
