"""The protocol of a method: frozen settings and one function."""

from typing import ClassVar, Protocol, TypeVar

from numpy.random import Generator

from whence.core.explanation import Explanation
from whence.core.types import Floats

View_contra = TypeVar("View_contra", contravariant=True)
Result_co = TypeVar("Result_co", bound=Explanation, covariant=True)


class Explain(Protocol[Result_co]):
    """A method bound to a view: rows in, an explanation out.

    It is called on one block of rows at a time, from several threads at once, so it must not
    change anything it closes over. The driver adds names, data and provenance.
    """

    def __call__(self, X: Floats, outputs: Floats, *, rng: Generator) -> Result_co:
        """Explain rows.

        Parameters
        ----------
        X : array of shape (rows, *columns)
            The rows as the view reads them.
        outputs : array of shape (rows, outputs)
            What the user's own model says about these rows.
        rng : Generator
            The only source of random numbers.
        """
        ...


class Method(Protocol[View_contra, Result_co]):
    """One way to explain a model.

    Attributes
    ----------
    needs : type
        The view of the model that ``bind`` reads.
    references : tuple of str
        DOIs of the papers the method comes from.
    """

    needs: ClassVar[type]
    references: ClassVar[tuple[str, ...]]

    def bind(self, view: View_contra) -> Explain[Result_co]:
        """Do all that depends on the model and the settings alone."""
        ...
