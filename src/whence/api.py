"""The verbs of the library: everything that is the same for every method happens here, once.

The driver converts tables, builds the view, checks the rows, asks the user's model, cuts the work
into blocks, runs them on threads, reports progress, checks memory, and stamps provenance. A method
is then only its mathematics.
"""

import platform
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, TypeVar, cast, get_args

import numpy as np

from whence.catalog import Question
from whence.choose import Choice, choose
from whence.core.binding import Bindings
from whence.core.blocks import Gather, paced, threads
from whence.core.check import labels_of, targets_of
from whence.core.errors import InputError, Interrupted, VerificationError
from whence.core.explanation import Explanation, Names
from whence.core.inputs import Inputs, inputs_of
from whence.core.method import Explain, Method, Output, View
from whence.core.provenance import Provenance, background_digest, settings_of
from whence.core.table import Table
from whence.core.types import Floats, Int32s, Ints
from whence.core.version import __version__
from whence.models.predict import Predict
from whence.models.views import view_of

E = TypeVar("E", bound=Explanation)

_FAITHFUL = 0.5
"""Held-out R squared below which a surrogate is warned of."""
_SLOW = 2.0
"""Seconds before a progress bar appears."""

_bindings = Bindings()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explainer(Generic[E]):
    """A method bound to a model: prepared once, for many calls.

    Attributes
    ----------
    view : View
        What was read from the model.
    method : Method
        The settings.
    provenance : Provenance
        What is known before any row is explained.
    """

    view: View
    method: Method[Any, E]
    provenance: Provenance
    _explain: Explain[E]

    def explain(
        self,
        X: object,
        *,
        y: object = None,
        rng: int | np.random.Generator | None = None,
        n_jobs: int = 1,
        progress: bool | None = None,
    ) -> E:
        """Explain rows; see `explain`."""
        started = time.perf_counter()
        inputs = inputs_of(X)
        self.view.check(inputs)
        seed, jobs = _seed(rng), threads(n_jobs)
        labels, targets = self._truth(y, len(inputs))
        if self.whole:
            result, asked = self._at_once(inputs, labels, targets, seed)
            names, data = result.names, None
        else:
            result, asked, segments = self._row_by_row(inputs, labels, seed, jobs, progress)
            inputs = inputs if len(result) == len(inputs) else inputs[: len(result)]
            names = self._names(result.names, inputs)
            data = inputs.detached()
            data = data if segments is None else data.divided(segments)
        return replace(
            result,
            names=names,
            data=data,
            provenance=replace(
                self.provenance,
                unit=result.provenance.unit or self.provenance.unit,
                rng=seed,
                data_digest=inputs.digest(),
                evaluations=asked,
                seconds=time.perf_counter() - started,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                warnings=(
                    *self.provenance.warnings, *result.provenance.warnings, *_doubts(result),
                ),
            ),
        )  # fmt: skip

    @property
    def whole(self) -> bool:
        """Tell whether the method explains all rows together."""
        return bool(getattr(type(self.method), "whole", False))

    def _truth(self, y: object, rows: int) -> tuple[Ints | None, Floats | None]:
        """Return the true classes of the rows, or the true numbers."""
        if y is None:
            return None, None
        if self.whole and not self.view.classes:
            return None, targets_of(y, rows)
        return labels_of(y, self.view.classes, rows), None

    def _at_once(
        self, inputs: Inputs, labels: Ints | None, targets: Floats | None, seed: int
    ) -> tuple[E, int]:
        rows = replace(self.view.rows(inputs, labels), targets=targets)
        result = self._explain(rows, rng=np.random.default_rng(seed))
        return result, len(inputs) + result.provenance.evaluations

    def _row_by_row(
        self, inputs: Inputs, labels: Ints | None, seed: int, jobs: int, progress: bool | None
    ) -> tuple[E, int, Int32s | None]:
        asked, gather = 0, Gather(len(inputs))
        stopped = ""
        with _bar(len(inputs), progress) as bar:
            try:
                for block in self._blocks(inputs, labels, seed, jobs):
                    gather.add(block)
                    asked += len(block) + block.provenance.evaluations
                    if bar is not None:
                        bar.update(len(block))
            except Interrupted as interrupt:
                block = cast("E", interrupt.partial)
                gather.add(block)
                asked += len(block) + block.provenance.evaluations
                stopped = _stopped(gather.done, len(inputs))
            except KeyboardInterrupt:
                if not gather.done:
                    raise
                stopped = _stopped(gather.done, len(inputs))
        result, segments = gather.result()
        if stopped:
            warnings = (*result.provenance.warnings, stopped)
            result = replace(result, provenance=replace(result.provenance, warnings=warnings))
        return cast("E", result), asked, segments

    def _blocks(self, inputs: Inputs, labels: Ints | None, seed: int, jobs: int) -> Iterator[E]:
        def work(block: slice) -> E:
            part = inputs if block.stop - block.start == len(inputs) else inputs[block]
            rows = self.view.rows(part, None if labels is None else labels[block])
            return self._explain(rows, rng=np.random.default_rng(seed))

        return paced(work, len(inputs), jobs)

    def _names(self, names: Names, inputs: Inputs) -> Names:
        learned = isinstance(inputs, Table) and not inputs.named and bool(self.view.features)
        return Names(
            features=names.features or (self.view.features if learned else inputs.names),
            outputs=names.outputs or self.view.outputs,
            rows=inputs.rows,
        )


def bind(
    model: object,
    method: Method[Any, E] | None = None,
    *,
    output: Output = "raw",
    timeout: float | None = None,
) -> Explainer[E]:
    """Prepare a method for a model once, for many small calls.

    Parameters
    ----------
    model : fitted model or callable
        For the exact methods a tree ensemble of scikit-learn, XGBoost, LightGBM or CatBoost, or a
        linear model of scikit-learn, or a Pipeline ending in one. For the others any model that
        predicts: also networks of torch and Keras, sessions of ONNX Runtime, an `Endpoint`, or a
        function from rows to an array of shape (rows,) or (rows, outputs).
    method : method or None
        Settings such as ``TreeShap(background=X_train)``; None lets whence choose.
    output : {"raw", "probability", "log_loss"}
        What is explained.
    timeout : float or None
        Seconds that one call of a model which is asked for predictions may take.

    Returns
    -------
    Explainer
        With a method ``explain(X)``.

    Raises
    ------
    UnsupportedModelError
        If the model does not offer what the method needs.
    InputError
        If the settings do not fit the model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0], [1.0]])
    >>> explainer = bind(DecisionTreeRegressor().fit(X, [10.0, 20.0]))
    >>> explainer.explain(X).values[:, 0, 0]
    array([-5.,  5.])
    """
    _check_method(method)
    return _bind(_chosen(model, method, output, None), output, timeout)


def explain(
    model: object,
    X: object,
    method: Method[Any, E] | None = None,
    *,
    output: Output = "raw",
    y: object = None,
    rng: int | np.random.Generator | None = None,
    n_jobs: int = 1,
    progress: bool | None = None,
    timeout: float | None = None,
    budget: int | None = None,
    question: Question = "attribution",
) -> E:
    """Explain the predictions of a model.

    Parameters
    ----------
    model : fitted model or callable
        See `bind`.
    X : table, images, texts or series
        What the model itself is asked with. A table is a pandas, polars or pyarrow frame, a 2-D
        array or a scipy sparse matrix; texts are a list or column of strings; images an array or
        tensor of shape (rows, height, width, channels) or (rows, channels, height, width); series
        one of shape (rows, times, channels). `images_of`, `texts_of` and `series_of` say so where
        the shape does not.
    method : method or None
        Settings such as ``TreeShap(background=X_train)``; None lets whence choose by the model, the
        data, the budget and the question, and ``provenance.reasons`` says why. A model that is
        neither an ensemble of trees nor linear is then explained by its predictions, for a table
        compared with those for up to 100 rows of ``X``.
    output : {"raw", "probability", "log_loss"}
        What is explained.
    y : array of shape (rows,) or None
        True classes for ``output="log_loss"``, true classes or numbers for `Sage`.
    rng : int, Generator or None
        Seed; equal seeds give equal bytes. The seed used is in ``provenance.rng``.
    n_jobs : int
        Threads; -1 takes one per core. The numbers do not depend on it.
    progress : bool or None
        Whether to show a progress bar; None shows one on a terminal when it takes long.
    timeout : float or None
        Seconds that one call of a model which is asked for predictions may take.
    budget : int or None
        Most evaluations of the model for one row, for a method that whence chooses.
    question : {"attribution", "interaction", "importance"}
        What the method that whence chooses has to answer: what moved each prediction, which
        features moved it together, or which features the model needs over all rows.

    An interrupt (Ctrl-C) returns the rows that are done, with a warning that says how many.

    Returns
    -------
    explanation
        Of the type that the method makes, an `Attribution` for Shapley values.

    Raises
    ------
    InputError
        If rows, settings or labels cannot be used, before any long work.
    UnsupportedModelError
        If the model does not offer what the method needs.
    VerificationError
        If our reading of the model does not give the model's own output.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = RandomForestClassifier(10, random_state=0).fit(X, y)
    >>> e = explain(model, X[:100])
    >>> e.values.shape, bool(abs(e.residual).max() < 1e-9)
    ((100, 30, 1), True)
    """
    _check_method(method)
    _check_wishes(method, budget, question)
    plain = budget is None and question == "attribution" and timeout is None
    explainer = cast("Explainer[E] | None", plain and _bindings.get(model, method, output))
    if explainer:
        with suppress(VerificationError):  # the model was trained again since: bind it anew
            return explainer.explain(X, y=y, rng=rng, n_jobs=n_jobs, progress=progress)
    choice = _chosen(model, method, output, X, budget=budget, question=question)
    explainer = _bind(choice, output, timeout)
    result = explainer.explain(X, y=y, rng=rng, n_jobs=n_jobs, progress=progress)
    of_model_alone = method is not None or not explainer.provenance.background_digest
    if plain and of_model_alone and explainer.provenance.model_digest:
        _bindings.put(model, method, output, explainer)
    return result


def _chosen(
    model: object,
    method: Method[Any, E] | None,
    output: Output,
    X: object,
    *,
    budget: int | None = None,
    question: Question = "attribution",
) -> Choice:
    if method is None:
        return choose(model, X, output=output, budget=budget, question=question)
    return Choice(view=view_of(model, method.needs), method=method)


def _bind(choice: Choice, output: Output, timeout: float | None) -> Explainer[Any]:
    chosen, view = choice.method, _for_output(choice.view, output)
    if timeout is not None:
        view = _patient(view, timeout)
    bound = chosen.bind(view)  # first, because it checks the settings
    return Explainer(
        view=view,
        method=chosen,
        provenance=Provenance(
            method=type(chosen).__name__,
            settings=settings_of(chosen),
            background_digest=background_digest(chosen),
            output=output,
            unit=view.unit,
            versions=_versions(view.library),
            model_digest=view.digest(),
            references=chosen.references,
            warnings=choice.warnings,
            reasons=choice.reasons,
            alternatives=choice.alternatives,
        ),
        _explain=bound,
    )


def _check_method(method: object) -> None:
    if isinstance(method, type):
        raise InputError(
            f"method is the class {method.__name__}. An instance is needed: {method.__name__}()."
        )
    if method is not None and not hasattr(method, "bind"):
        raise InputError(
            f"method is {method!r:.60}. Settings such as wh.TreeShap() are needed, or None."
        )


def _check_wishes(method: object, budget: int | None, question: str) -> None:
    if method is not None and (budget is not None or question != "attribution"):
        given = f"budget={budget}" if budget is not None else f"question={question!r}"
        raise InputError(
            f"{given} was given along with the method {type(method).__name__}. It is for a method "
            "that whence chooses. Give it to the method itself, or give no method."
        )


def _patient(view: View, timeout: float) -> View:
    if not isinstance(view, Predict):
        raise InputError(
            f"timeout is {timeout!r} and the method reads the model itself, which cannot hang. "
            "Leave it out."
        )
    return replace(view, patience=timeout)


def _seed(rng: object) -> int:
    """Return the seed that ``rng`` means; None means a fresh one, which the record then holds."""
    if rng is None:
        return secrets.randbits(63)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return int(rng)
    raise InputError(f"rng is {rng!r}. A whole number from 0, a numpy Generator or None is needed.")


def _stopped(done: int, rows: int) -> str:
    return f"Interrupted: {done} of {rows} rows are explained."


def _doubts(result: Explanation) -> tuple[str, ...]:
    """Return warnings where sampling was not settled, or a surrogate does not follow the model."""
    return (*_unsettled(result), *_unfaithful(result))


def _unfaithful(result: Explanation) -> tuple[str, ...]:
    fidelity = getattr(result, "fidelity", None)
    if fidelity is None:
        return ()
    poor = (fidelity[..., 0] < _FAITHFUL).any(axis=1)
    if not poor.any():
        return ()
    return (
        (
            f"Low fidelity: in {int(poor.sum())} of {len(poor)} rows the surrogate explains less "
            "than half of what the model does nearby (`fidelity`). Look at interactions, or "
            "use KernelShap."
        ),
    )


def _unsettled(result: Explanation) -> tuple[str, ...]:
    converged = getattr(result, "converged", None)
    if converged is None or converged.all():
        return ()
    return (
        (
            f"Not converged: the values of {int((~converged).sum())} of {len(converged)} rows are "
            "not as exact as asked for; `converged` says which, `stderr` how far. Give more budget."
        ),
    )


def _for_output(view: View, output: Output) -> View:
    if output not in get_args(Output):
        raise InputError(
            f"output is {output!r}. Give one of {', '.join(map(repr, get_args(Output)))}."
        )
    return view.explaining(output)


def _bar(rows: int, progress: bool | None) -> AbstractContextManager[Any]:
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return nullcontext()
    from tqdm.auto import tqdm

    return tqdm(total=rows, unit="row", delay=0 if progress else _SLOW, leave=False)


def _versions(library: str) -> dict[str, str]:
    packages = ["numpy", *([library] if library else [])]
    found = {name: _version(name) for name in packages}
    return {"python": platform.python_version(), "whence": __version__, **found}


def _version(package: str) -> str:
    for name in {"sklearn": ["scikit-learn"], "xgboost": ["xgboost", "xgboost-cpu"]}.get(
        package, [package]
    ):
        with suppress(PackageNotFoundError):
            return version(name)
    return "unknown"
