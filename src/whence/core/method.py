"""The protocols between driver, views and methods."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, TypeVar

from numpy.random import Generator

from whence.core.explanation import Explanation
from whence.core.inputs import Inputs
from whence.core.types import Floats, Ints, Level

Output: TypeAlias = Literal["raw", "probability", "log_loss"]


def _unseen(share: float) -> None:
    """Show nothing of how far the work is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """One block of rows, as a bound method receives it.

    Attributes
    ----------
    X : array of shape (rows, columns)
        The rows as the view reads them.
    raw : array of shape (rows, raw outputs)
        The raw output of the user's own model.
    outputs : array of shape (rows, outputs)
        What is explained: ``raw``, or the probability or loss made of it.
    labels : int array of shape (rows,) or None
        Position of the true class of each row, for a loss.
    targets : array of shape (rows,) or None
        The true numbers of a regression, for a method that explains a loss.
    inputs : Table, Images, Texts, Series or None
        The rows as the user gave them, from a view whose model is asked about other rows too.
    progress : callable
        Takes the share of its work, 0 to 1, that a method which explains all rows together has
        done.
    """

    X: Floats
    raw: Floats
    outputs: Floats
    labels: Ints | None = None
    targets: Floats | None = None
    inputs: Inputs | None = None
    progress: Callable[[float], None] = _unseen

    def __getitem__(self, rows: slice) -> Self:
        """Return some of the rows."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(
            self,
            X=self.X[rows],
            raw=self.raw[rows],
            outputs=self.outputs[rows],
            labels=labels,
            targets=None if self.targets is None else self.targets[rows],
            inputs=None if self.inputs is None else self.inputs[rows],
        )

    def given(self) -> Inputs:
        """Return the rows as the user gave them, from a view that hands them on."""
        if self.inputs is None:
            raise RuntimeError("The view of the model does not hand on the rows.")
        return self.inputs


class View(Protocol):
    """What the driver asks of every view of a model."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the players, the columns of the user's table; none if the model has none."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is explained; none if they are not known before the model is asked."""
        ...

    @property
    def classes(self) -> tuple[Level, ...]:
        """The classes of a classifier in the model's order; empty otherwise."""
        ...

    @property
    def named(self) -> bool:
        """Whether ``features`` are names that the model learned."""
        ...

    @property
    def library(self) -> str:
        """Import name of the package that the model comes from."""
        ...

    @property
    def unit(self) -> str:
        """Unit of what is explained."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of what was read from the model."""
        ...

    def explaining(self, output: Output) -> Self:
        """Return the view of another output of the same model."""
        ...

    def check(self, inputs: Inputs) -> None:
        """Raise `InputError` unless the model can be asked about such rows."""
        ...

    def rows(self, inputs: Any, labels: Ints | None) -> Rows:  # noqa: ANN401  what ``check`` let pass
        """Encode rows and ask the user's own model about them."""
        ...


View_contra = TypeVar("View_contra", contravariant=True)
Result_co = TypeVar("Result_co", bound=Explanation, covariant=True)


class Explain(Protocol[Result_co]):
    """A method bound to a view: rows in, an explanation out.

    It is called on one block of rows at a time, from several threads at once, so it must not
    change anything it closes over. The driver adds names, data and provenance, unless the method
    knows better names. In the provenance of a block the method says what it alone knows:
    ``warnings``, and the ``evaluations`` it asked for beyond those of the rows themselves.
    """

    def __call__(self, rows: Rows, *, rng: Generator) -> Result_co:
        """Explain a block of rows; ``rng`` is the only source of random numbers."""
        ...


class Method(Protocol[View_contra, Result_co]):
    """One way to explain a model: a frozen dataclass of settings and a single function.

    Attributes
    ----------
    needs : type
        The view of the model that ``bind`` reads.
    references : tuple of str
        DOIs of the papers the method comes from.

    A method that explains all rows together, such as a global importance, has ``whole = True`` in
    its class: it is then called once, with all rows. It returns the one row "all", or entries that
    it names itself in ``names.rows``, or one entry per row, whose names and data the driver adds.

    A method that asks the model about all rows of a block in common, in so many rounds that a block
    costs nearly the same however few its rows are, has ``fewest``, the rows of a block at least.
    """

    needs: ClassVar[type]
    references: ClassVar[tuple[str, ...]]

    def bind(self, view: View_contra) -> Explain[Result_co]:
        """Do all that depends on the model and the settings alone."""
        ...
