"""The verbs of the library: everything that is the same for every method happens here, once.

The driver converts tables, builds the view, checks the rows, asks the user's model, cuts the work
into blocks, runs them on threads, reports progress, checks memory, and stamps provenance. A method
is then only its mathematics.
"""

import platform
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar, cast, get_args

import numpy as np

from whence.catalog import Question
from whence.choose import Choice, choose
from whence.core.binding import Bindings
from whence.core.errors import InputError, VerificationError
from whence.core.explanation import Explanation
from whence.core.method import Method, Output, View
from whence.core.provenance import Provenance, background_digest, settings_of
from whence.core.version import __version__
from whence.driver import Explainer
from whence.models.predict import Predict
from whence.models.views import view_of

E = TypeVar("E", bound=Explanation)


_bindings = Bindings()


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
        What is explained. "raw" is what the method reads of the model: of trees and linear models
        their own scale, such as log-odds; of a model that is asked, its answer, which for a
        classifier is a probability. ``provenance.unit`` says which.
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
        Most evaluations of the model for one row, for a method that whence chooses; beside those
        of the row itself, which is asked twice, and of the background once.
    question : str
        What the method that whence chooses has to answer. "attribution": what moved each
        prediction; "interaction": which features moved it together; "importance": which features
        the model needs, over all rows with their true ``y``; "effect": how the output changes along
        each feature; "rule": under which conditions a decision stays as it is; "counterfactual":
        what would change it; "example": which rows are typical.

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
    before = _asked(view)
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
            evaluations=_asked(view) - before,
            references=chosen.references,
            warnings=choice.warnings,
            reasons=choice.reasons,
            alternatives=choice.alternatives,
        ),
        _explain=bound,
    )


def _asked(view: View) -> int:
    return view.asked if isinstance(view, Predict) else 0


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


def _for_output(view: View, output: Output) -> View:
    if output not in get_args(Output):
        raise InputError(
            f"output is {output!r}. Give one of {', '.join(map(repr, get_args(Output)))}."
        )
    return view.explaining(output)


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
