"""The Predict view: a model as a function of rows, whatever is inside and whatever the rows are.

The model is asked with the user's own kind of object: a data frame, an array, a tensor, a list of
strings. How each library is asked is in `whence.models.voices`; here the rows are cut into calls of
bounded memory, and each answer is checked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeAlias

import numpy as np

from whence.core.blocks import cut
from whence.core.check import check_table, shorten
from whence.core.errors import InputError, UnsupportedModelError, VerificationError, WhenceError
from whence.core.inputs import Images, Inputs, Series, Texts, unshared
from whence.core.method import Output, Rows
from whence.core.response import Response, respond
from whence.core.table import Table, table_of
from whence.core.types import Floats, Ints, Level
from whence.models.answer import LateError, numbers_of, within
from whence.models.parse.common import output_names

ROWS = 65_536
"""Rows that the model is asked about in one call at most."""
PAIR_SCORE = "score of a pair of classes"
"""Unit of the answers of a classifier that scores pairs of classes, not classes."""
_CALL_BYTES = 64_000_000
"""Bytes of the rows that the model is asked about in one call; a single row may be larger."""
_NUMBER = 4
"""Bytes of a number at least: bytes of images become numbers on the way into a model."""
_MOST_TEXTS = 1_024
"""Texts of one call: a model of language needs far more memory than the text itself."""
Slope: TypeAlias = Callable[[Table, Floats], tuple[Floats, Floats]]
"""Rows and weights of their outputs -> answers and gradients."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predict:
    """A model that can be asked, and nothing else.

    Attributes
    ----------
    say : callable
        Table, Images, Texts or Series -> what the model answers: (rows,) or (rows, outputs).
    name : str
        What messages call the model.
    unit : str
        Unit of the answer.
    features : tuple of str
        Names of the columns that the model reads, in its order; none where it does not say.
    named : bool
        Whether ``features`` are names that the model learned.
    outputs : tuple of str
        Names of the outputs; none where they are not known before the model is asked.
    classes : tuple
        The classes of a classifier in the model's order; empty otherwise.
    library : str
        Import name of the package the model comes from; empty for the user's own function.
    response : str
        What is made of the answer: "identity", or the name of a response function.
    batch : int
        Rows of one call at most; fewer where they are more than 64 MB, and of texts at most 1,024.
    patience : float or None
        Seconds that one call may take; None waits as long as it takes.
    model : object
        The user's own model, of which `whence.models.behind` may read more; None where it stands
        behind an address.
    slope : callable or None
        Table, weights of shape (rows, outputs) -> what the model answers, and the gradient of the
        weighted sum of each row's answers by its numbers; None where the model gives none.
    """

    say: Callable[[Any], object]
    name: str
    unit: str = "prediction"
    features: tuple[str, ...] = ()
    named: bool = False
    outputs: tuple[str, ...] = ()
    classes: tuple[Level, ...] = ()
    library: str = ""
    response: Response = "identity"
    batch: int = ROWS
    patience: float | None = None
    model: object = field(default=None, repr=False)
    slope: Slope | None = field(default=None, repr=False)
    _answered: list[int] = field(default_factory=list, init=False, repr=False)
    _asked: list[int] = field(default_factory=lambda: [0], init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the settings."""
        number = isinstance(self.patience, (int, float)) and not isinstance(self.patience, bool)
        if self.patience is not None and not (number and self.patience > 0):
            raise InputError(
                f"timeout is {self.patience!r}. A positive number of seconds is needed, or None."
            )

    def digest(self) -> str:
        """Return nothing: what is inside of the model was not read."""
        return ""

    @property
    def called(self) -> str:
        """The name of the model within a sentence."""
        return self.name[:1].lower() + self.name[1:]

    @property
    def asked(self) -> int:
        """Rows that the model was asked about through this view so far, by one thread."""
        return self._asked[0]

    def explaining(self, output: Output) -> Self:
        """Return the view of the answer itself, or of the log-loss of its probabilities.

        Raises
        ------
        InputError
            If the model has no such output.
        """
        if output in ("raw", self.unit):
            return self
        if output == "log_loss" and self.classes and self.unit == "probability":
            return replace(
                self, response="log_loss_probability", unit="nats", outputs=("log-loss",)
            )
        raise InputError(
            f"output={output!r} was asked of {self.called}, which answers with a {self.unit}. "
            "Probabilities and log-losses exist for classifiers that offer predict_proba; "
            "output='raw' always does."
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse rows that the model cannot be asked about, before any work.

        Raises
        ------
        InputError
            If a table has other columns than the model, or the model reads tables and this is none.
        """
        if isinstance(inputs, Table):
            check_table(inputs, self.features or inputs.names, named=self.named)
        elif self.named:
            raise InputError(
                f"X holds {type(inputs).__name__.lower()} and {self.called} reads a table with "
                f"columns {shorten(self.features)}. Hand in such a table, or a function that makes "
                "one of X and asks the model about it."
            )

    def rows(self, inputs: Inputs, labels: Ints | None) -> Rows:
        """Ask the model about the rows explained."""
        raw = self.ask(unshared(inputs))
        return Rows(
            X=inputs.numbers if isinstance(inputs, Table) else np.empty((len(inputs), 0)),
            raw=raw,
            outputs=self.respond(raw, labels),
            labels=labels,
            inputs=inputs,
        )

    def ask(self, inputs: Inputs) -> Floats:
        """Return what the model answers about rows, of shape (rows, raw outputs).

        Raises
        ------
        InputError
            If the model fails, does not answer with one finite number per row and output, or takes
            longer than ``patience``.
        VerificationError
            If it has another number of outputs than before.
        """
        rows, size = len(inputs), min(self.batch, _fitting(inputs))
        if rows <= size:
            return self._answer(inputs, 0, rows)
        parts = (self._answer(inputs[s], s.start, rows) for s in cut(rows, size))
        return np.concatenate(list(parts))

    def respond(self, raw: Floats, labels: Ints | None) -> Floats:
        """Return what is explained, of shape (rows, outputs), made of the model's answer."""
        return respond(self.response, raw, labels)

    def read(self, X: object, *, what: str) -> Table:
        """Return other rows, such as a background, as a table that the model can be asked about.

        Raises
        ------
        InputError
            If it is no table, or has other columns than the model.
        """
        try:
            table = table_of(X)
            check_table(table, self.features or table.names, named=self.named, what=what)
        except InputError as error:
            raise InputError(f"The {what} does not fit the model. {error}") from error
        return table

    def names_of(self, outputs: int) -> tuple[str, ...]:
        """Return the names of the outputs, now that their number is known."""
        return self.outputs or output_names(None, outputs)

    def _answer(self, inputs: Inputs, first: int, rows: int) -> Floats:
        """Ask once, about the rows from number ``first`` on of ``rows`` in all."""
        last = first + len(inputs) - 1
        which = f"{rows} rows" if len(inputs) == rows else f"rows {first} to {last} of {rows}"
        try:
            said = within(self.patience, lambda: self.say(inputs))
        except WhenceError:
            raise
        except LateError as error:
            raise InputError(
                f"{self.name} did not answer within {self.patience} s when asked about {which}. "
                "Give a longer timeout=, or fewer rows at a time; or it hangs. Its thread was left "
                "behind."
            ) from error
        except Exception as error:
            raise self._failed(error, which) from error
        raw = numbers_of(said, len(inputs), first=first, of=rows, name=self.name)
        self._check_outputs(raw.shape[1])
        self._asked[0] += len(inputs)
        return raw

    def _failed(self, error: Exception, which: str) -> InputError:
        return InputError(
            f"{self.name} raised {type(error).__name__} when asked about {which}: {error} A model "
            "must answer for any mixture of the rows explained and the background. Check that it "
            "predicts X itself, fitted and in this form."
        )

    def _check_outputs(self, count: int) -> None:
        if not self._answered:
            known = self.response == "identity" and self.outputs
            self._answered.append(len(self.outputs) if known else count)
        if count != self._answered[0]:
            raise VerificationError(
                f"{self.name} has {count} outputs and had {self._answered[0]} before. "
                "It was changed since it was bound, or answers by its mood: bind it again, or wrap "
                "it in a function that always has as many outputs."
            )


def _fitting(inputs: Inputs) -> int:
    """Return how many rows of such inputs fit in one call."""
    if isinstance(inputs, Texts):
        longest = max(map(len, inputs.strings), default=1)
        return max(1, min(_MOST_TEXTS, _CALL_BYTES // (_NUMBER * max(longest, 1))))
    if isinstance(inputs, Images):
        array = inputs.pixels
    elif isinstance(inputs, Series):
        array = inputs.values
    else:
        array = inputs.numbers if isinstance(inputs, Table) else np.empty((len(inputs), 1))
    numbers = int(np.prod(array.shape[1:]))
    return max(1, _CALL_BYTES // max(1, numbers * max(array.itemsize, _NUMBER)))


def read_predict(model: object) -> Predict:
    """Make the view of a model.

    Parameters
    ----------
    model : object
        A fitted estimator or pipeline of scikit-learn or of a library that follows it, a Booster
        of XGBoost or LightGBM, a torch module, a Keras model, an ONNX Runtime session, an
        `Endpoint`, or a callable: rows -> (rows,) or (rows, outputs).

    Raises
    ------
    UnsupportedModelError
        If it is none of these.

    Examples
    --------
    >>> view = read_predict(lambda X: X.sum(axis=1))
    >>> view.ask(Table(names=("a",), numbers=np.ones((2, 1)), levels=(None,), named=False))
    array([[1.],
           [1.]])
    """
    from whence.models.voices import voice_of

    view = voice_of(model)
    if view is not None:
        return replace(view, model=model)
    raise UnsupportedModelError(
        f"The model is {'the class ' if isinstance(model, type) else 'of type '}"
        f"{getattr(model, '__name__', type(model).__name__)}. A fitted model with predict or "
        "predict_proba is needed, a torch module, Keras model, ONNX Runtime session or Endpoint, "
        "or a function from rows to an array of shape (rows,) or (rows, outputs)."
    )
