"""Which methods there are, and which of them apply to a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from whence.catalog.listing import ROWS, SEGMENTS, Listing, Question
from whence.catalog.listings import CATALOG
from whence.core.errors import UnsupportedModelError, WhenceError
from whence.core.inputs import Inputs, Texts, inputs_of
from whence.core.table import Table
from whence.explainers.exact_shap import ExactShap
from whence.explainers.kernel_shap import KernelShap
from whence.models.views import view_of

__all__ = ["CATALOG", "Applicable", "Listing", "Methods", "Question", "methods"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicable:
    """Whether a method applies to a model, and what to expect of it.

    Attributes
    ----------
    name : str
    question : str
    applies : bool
    why_not : str
        Empty where it applies.
    cost : str
        Of one row, beside the background once.
    guarantee : str
    """

    name: str
    question: Question
    applies: bool
    why_not: str
    cost: str
    guarantee: str


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods that apply to a model come first; a sequence that prints as a table."""

    listed: tuple[Applicable, ...]

    def __len__(self) -> int:
        """Return the number of methods."""
        return len(self.listed)

    def __getitem__(self, i: int) -> Applicable:
        """Return one of them."""
        return self.listed[i]

    def __iter__(self) -> Iterator[Applicable]:
        """Yield them."""
        return iter(self.listed)

    def __repr__(self) -> str:
        """Return a table for a terminal."""
        rows = [_HEAD, *self._cells()]
        width = [max(len(row[c]) for row in rows) for c in range(len(_HEAD) - 1)]
        return "\n".join(
            "  ".join([*(row[c].ljust(w) for c, w in enumerate(width)), row[-1]]) for row in rows
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in _HEAD)
        body = "".join(
            "<tr>"
            + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row)
            + "</tr>"
            for row in self._cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (m.name, m.question, m.cost if m.applies else "-", m.guarantee if m.applies else
             f"no: {m.why_not}")
            for m in self.listed
        ]  # fmt: skip


_HEAD = ("method", "answers", "cost of a row", "guarantee")


def methods(model: object, X: object = None) -> Methods:
    """List the methods: which apply to a model, at what cost, with what guarantees.

    Parameters
    ----------
    model : fitted model or callable
    X : table, images, texts, series or None
        What would be explained; it tells the costs.

    Raises
    ------
    UnsupportedModelError
        If nothing applies, since the model is none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.array([[0.0], [1.0]])
    >>> found = methods(LinearRegression().fit(X, X[:, 0]), X)
    >>> found[0].name, found[0].cost
    ('LinearShap', 'one prediction')
    """
    inputs = None if X is None else inputs_of(X)
    players = _players(inputs)
    found = [_applicable(listing, model, inputs, players) for listing in CATALOG]
    if not any(item.applies for item in found):
        view_of(model, KernelShap.needs)  # says what is needed of a model
        raise UnsupportedModelError(
            f"No method applies to this model and these rows: {found[-1].why_not} See the message "
            "of wh.explain(model, X, wh.KernelShap(background=X))."
        )
    return Methods(tuple(sorted(found, key=lambda item: not item.applies)))


def _applicable(listing: Listing, model: object, inputs: Inputs | None, players: int) -> Applicable:
    why_not, rows = "", ROWS
    if inputs is not None and not isinstance(inputs, listing.kinds):
        own = " and ".join(f"{kind.__name__.lower()}" for kind in listing.kinds)
        own = "tables" if own == "table" else own
        why_not = f"it explains {own}, and X holds {type(inputs).__name__.lower()}."
    elif listing.method is ExactShap and players > ExactShap().most_players:
        why_not = f"{players} players have 2^{players} coalitions."
    else:
        try:
            view = view_of(model, listing.method.needs)
            if inputs is not None:
                view.check(inputs)
        except WhenceError as error:
            why_not = str(error)
    if inputs is not None and not isinstance(inputs, Table):
        rows = 1
    return Applicable(
        name=listing.method.__name__,
        question=listing.question,
        applies=not why_not,
        why_not=_first_sentence(why_not),
        cost=listing.cost(players, rows),
        guarantee=listing.guarantee,
    )


def _players(inputs: Inputs | None) -> int:
    """Return the number of players that costs are told for."""
    if inputs is None:
        return 10
    if isinstance(inputs, Table):
        return len(inputs.names)
    if isinstance(inputs, Texts):
        return max(len(text.split()) for text in inputs.strings)
    return SEGMENTS


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".") + "." if text else ""
