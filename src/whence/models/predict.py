"""The Predict view: a model as a function of a table, whatever is inside.

It is built of any callable, and of anything that predicts as scikit-learn's estimators do: their
pipelines, XGBoost, LightGBM and CatBoost. A classifier is asked for its probabilities (its scores,
where it has none), a binary one for the second class alone; any other model for its prediction.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np

from whence.core.blocks import cut
from whence.core.check import check_table
from whence.core.errors import InputError, UnsupportedModelError, VerificationError, WhenceError
from whence.core.method import Output, Rows
from whence.core.response import Response, respond
from whence.core.table import Table, table_of
from whence.core.types import Floats, Ints, Level
from whence.models.parse.common import class_levels, feature_names, output_names
from whence.models.parse.sklearn_columns import Columns, rebuilt

Model: TypeAlias = Any
"""An object of a library that is not imported here."""

_ASKED = 65_536
"""Rows that the model is asked about in one call."""
_BINARY = 2

_VOICES = {"predict_proba": "probability", "decision_function": "score", "predict": "prediction"}
"""Methods a model is asked by -> unit of the answer; the first that it has."""
_BOOSTERS = ("xgboost", "lightgbm", "catboost")
_READ_BY_BOOSTERS = ("numpy", "pandas", "scipy")
"""Tables that all boosters read; of others they refuse, or crash at, categories."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predict:
    """A model that can be asked, and nothing else.

    Attributes
    ----------
    say : callable
        Table -> what the model answers: (rows,) or (rows, outputs).
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
    """

    say: Callable[[Table], object]
    name: str
    unit: str = "prediction"
    features: tuple[str, ...] = ()
    named: bool = False
    outputs: tuple[str, ...] = ()
    classes: tuple[Level, ...] = ()
    library: str = ""
    response: Response = "identity"

    def digest(self) -> str:
        """Return nothing: what is inside of the model was not read."""
        return ""

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
            f"output={output!r} was asked of {self.name}, which answers with a {self.unit}. "
            "Probabilities and log-losses exist for classifiers that offer predict_proba; "
            "output='raw' always does."
        )

    def rows(self, table: Table, labels: Ints | None) -> Rows:
        """Ask the model about the rows explained."""
        raw = self.ask(table)
        outputs = self.respond(raw, labels)
        return Rows(X=table.numbers, raw=raw, outputs=outputs, labels=labels, table=table)

    def ask(self, table: Table) -> Floats:
        """Return what the model answers about rows, of shape (rows, raw outputs).

        Raises
        ------
        InputError
            If the model fails, or does not answer with one finite number per row and output.
        VerificationError
            If it has other outputs than when the view was made.
        """
        if len(table) <= _ASKED:
            return self._answer(table)
        return np.concatenate([self._answer(table[s]) for s in cut(len(table), _ASKED)])

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

    def _answer(self, table: Table) -> Floats:
        try:
            said = self.say(table)
        except WhenceError:
            raise
        except Exception as error:
            raise InputError(
                f"{self.name} raised {type(error).__name__} when asked about {len(table)} rows: "
                f"{error} A model must answer for any mixture of the rows explained and the "
                "background. Check that it predicts X itself, fitted and in this form."
            ) from error
        raw = _numbers(said, len(table), self.name)
        if self.response == "identity" and self.outputs and raw.shape[1] != len(self.outputs):
            raise VerificationError(
                f"{self.name} has {raw.shape[1]} outputs and had {len(self.outputs)} when it was "
                "bound. It was changed since: bind it again."
            )
        return raw


def _numbers(said: object, rows: int, name: str) -> Floats:
    """Return an answer as numbers of shape (rows, outputs)."""
    needed = "Finite numbers of shape (rows,) or (rows, outputs) are needed."
    try:
        raw = np.array(said, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{name} answered with a {type(said).__name__} that is not an array of numbers "
            f"({error}). {needed} Wrap the model in a function that gives them."
        ) from error
    if raw.ndim not in (1, 2) or len(raw) != rows or raw.size == 0:
        raise InputError(
            f"{name} was asked about {rows} rows and answered with shape {raw.shape}. {needed} "
            "Wrap the model in a function that gives one answer per row."
        )
    raw = raw.reshape(rows, -1)
    wrong = ~np.isfinite(raw)
    if wrong.any():
        row, output = (int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"{name} answered {raw[row, output]} for row {row} of {rows}, output {output} "
            f"({int(wrong.sum())} such answers in all). {needed} Rows may be mixtures of X and the "
            "background: impute in a pipeline what the model cannot read."
        )
    return raw


def read_predict(model: object) -> Predict:
    """Make the view of a model.

    Parameters
    ----------
    model : object
        A fitted estimator or pipeline of scikit-learn or of a library that follows it, a Booster
        of XGBoost or LightGBM, or a callable: table -> (rows,) or (rows, outputs).

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
    voice = _voice(model)
    if voice is not None:
        return _estimator(model, voice)
    if callable(model) and not isinstance(model, type):
        called = getattr(model, "__name__", type(model).__name__)
        return Predict(say=_Function(call=model), name=f"The model ({called})")
    raise UnsupportedModelError(
        f"The model is {'the class ' if isinstance(model, type) else 'of type '}"
        f"{getattr(model, '__name__', type(model).__name__)}. A fitted model with predict or "
        "predict_proba is needed, or a function from a table to an array of shape (rows,) or "
        "(rows, outputs)."
    )


def _voice(model: Model) -> str | None:
    """Return the method by which a model is asked; None for a function."""
    if isinstance(model, type):
        return None
    if _library(model) == "xgboost" and type(model).__name__ == "Booster":
        return "inplace_predict"  # its predict reads a table of its own alone
    return next((name for name in _VOICES if callable(getattr(model, name, None))), None)


def _library(model: Model) -> str:
    packages = [cls.__module__.partition(".")[0] for cls in type(model).__mro__]
    return next((name for name in packages if name in ("sklearn", *_BOOSTERS)), "")


def _estimator(model: Model, voice: str) -> Predict:
    unit, library, columns = _VOICES.get(voice, "prediction"), _library(model), _columns(model)
    labels = () if voice in ("predict", "inplace_predict") else getattr(model, "classes_", ())
    classes = class_levels(labels)
    outputs: tuple[str, ...] = ()
    if unit == "probability" and classes:
        outputs = output_names(classes, 1 if len(classes) == _BINARY else len(classes))
    return Predict(
        say=_Voice(model=model, voice=voice, columns=columns, library=library),
        name=f"The model ({type(model).__name__}.{voice})",
        unit=unit,
        features=columns.features,
        named=columns.named,
        outputs=outputs,
        classes=classes,
        library=library,
    )


def _columns(model: Model) -> Columns:
    """Return the columns that a model says it was trained on; none where it does not say."""
    found: Any = None
    for attribute in ("feature_names_in_", "feature_names_", "feature_name", "feature_names"):
        if found is None:
            found = getattr(model, attribute, None)
            found = found() if callable(found) else found
    names = None if found is None else [str(name) for name in found]
    if names is not None and all(n in (f"Column_{j}", str(j)) for j, n in enumerate(names)):
        return Columns(features=feature_names(None, len(names)), named=False)
    count = len(names) if names is not None else getattr(model, "n_features_in_", 0)
    spaces = _library(model) == "lightgbm"  # it writes an underscore where a space was
    named = names is not None and not (spaces and any("_" in name for name in names))
    return Columns(features=feature_names(names, int(count)), named=named)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    """Asks a function with the user's own table."""

    call: Callable[..., object]

    def __call__(self, table: Table) -> object:
        return self.call(rebuilt(table) if table.native is None else table.native)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Voice:
    """Asks an estimator with a table that it can read."""

    model: Model
    voice: str
    columns: Columns
    library: str

    def __call__(self, table: Table) -> object:
        said = getattr(self.model, self.voice)(self._readable(table))
        two = self.voice == "predict_proba" and np.shape(said)[1:] == (_BINARY,)
        return said[:, 1] if two else said

    def _readable(self, table: Table) -> object:
        package = type(table.native).__module__.partition(".")[0]
        if self.library in _BOOSTERS:
            return table.native if package in _READ_BY_BOOSTERS else rebuilt(table)
        if self.columns.features:
            return self.columns.native(table)
        return rebuilt(table) if table.native is None else table.native
