"""Which scores judge a model's predictions, and whether they can: checked before any work."""

from dataclasses import replace

import numpy as np

from whence.core.check import shorten
from whence.core.errors import InputError
from whence.core.method import Rows
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.scores import SCORES, Score, Truth
from whence.maskers.judged import Judge, Known, One, Scoring
from whence.models.predict import PAIR_SCORE, Predict
from whence.models.scoring import scorer_of

_BINARY = 2


def judges_of(
    scoring: Scoring, view: Predict, rows: Rows, sample_weight: object, method: str
) -> tuple[Judge, ...]:
    """Return the judges that a setting names, after checking that they can judge these rows.

    Parameters
    ----------
    scoring : str, callable or tuple of these
        "auto" is the log-loss of a classifier with probabilities, the share of errors of one
        without, and the squared error of any other model.
    view : Predict
    rows : Rows
    sample_weight : array of shape (rows,) or None
    method : str
        What messages call the method.

    Raises
    ------
    InputError
        If there is no truth, or a score does not suit the model or the truth.
    """
    table = rows.given()
    if not isinstance(table, Table):
        raise InputError(
            f"{method} got {type(table).__name__.lower()}, where a part of one has nothing to do "
            "with a part of another. Give a table, or explain row by row: PermutationShap."
        )
    if rows.labels is None and rows.targets is None:
        raise InputError(
            f"y was not given. {method} measures how right the predictions are. Give the true "
            f"classes or numbers: wh.explain(model, X, wh.{method}(...), y=y)."
        )
    if view.unit == PAIR_SCORE:
        raise InputError(
            f"{view.name} answers with a score for each pair of classes, of which none is the "
            "class that it decides for. Set decision_function_shape='ovr' on it."
        )
    if len(table) < _BINARY:
        raise InputError(
            "X has one row. At least two are needed, and some hundreds to tell much. Give the rows "
            "of a test set."
        )
    weights = _weights(sample_weight, len(table))
    wanted = scoring if isinstance(scoring, (tuple, list)) else (scoring,)
    judges = tuple(_judge(each, view, rows, table, weights) for each in wanted)
    names = [judge.name for judge in judges]
    if not names or len(set(names)) < len(names):
        raise InputError(f"scoring names {shorten(names)}. Give one or several different scores.")
    return judges


def _judge(
    scoring: One, view: Predict, rows: Rows, table: Table, weights: Floats | None
) -> Judge:  # fmt: skip
    name = _auto(view, rows) if isinstance(scoring, str) and scoring == "auto" else scoring
    score = SCORES.get(name) if isinstance(name, str) else None
    if name == "f1" and view.classes[:1] == (1,):  # which scikit-learn looks for, not the second
        score = None
    if score is not None and isinstance(name, str):
        several = rows.raw.shape[1] > 1
        classes = score.two or score.reads == "probabilities" or name == "balanced_accuracy"
        labels = _labels(name, rows, force=classes or several)
        if score.two and labels is not None and _count(view, rows) > _BINARY:
            raise InputError(
                f"scoring is {name!r}, of two classes, and {view.called} has {_count(view, rows)}. "
                f"Give {'roc_auc_ovr' if name == 'roc_auc' else 'f1_macro'!r} or another score of "
                "several classes."
            )
        _check(name, score, view, rows, labels)
        known = _answered(view, rows, table, labels, weights)
        return Judge(name=name, unit=score.unit, better=score.better, known=known, score=score)
    scorer = scorer_of(name, tuple(SCORES))
    if weights is not None and not scorer.weighable:
        raise InputError(
            f"sample_weight was given, and the scorer {scorer.name!r} is a function that takes "
            "none. Give a name, or sklearn.metrics.make_scorer(...)."
        )
    labels = _labels(scorer.name, rows, force=rows.raw.shape[1] > 1)
    known = _answered(view, rows, table, labels, weights)
    if isinstance(name, str) and any(isinstance(level, str) for level in known.classes):
        known = replace(known, y=np.asarray(labels), classes=tuple(range(len(known.classes))))
    return Judge(name=scorer.name, unit=scorer.name, better=True, known=known, scorer=scorer)


def _auto(view: Predict, rows: Rows) -> str:
    if rows.labels is None:
        return "squared_error" if rows.raw.shape[1] == 1 else "log_loss"
    return "log_loss" if view.unit == "probability" else "zero_one"


def _count(view: Predict, rows: Rows) -> int:
    return len(view.classes) or max(rows.raw.shape[1], _BINARY)


def _labels(name: str, rows: Rows, *, force: bool) -> Ints | None:
    """Return true classes; of a function that has none, if need be, the numbers given for them."""
    if rows.labels is not None or not force or rows.targets is None:
        return rows.labels
    count = max(rows.raw.shape[1], _BINARY)
    labels = rows.targets.astype(np.int64)
    wrong = (labels != rows.targets) | (labels < 0) | (labels >= count)
    if wrong.any():
        raise InputError(
            f"y holds {rows.targets[wrong][0]:g}, and scoring is {name!r}, about {count} classes. "
            "Give their positions from 0, in the order of the model's outputs, or a score of "
            "numbers, such as 'squared_error'."
        )
    return labels


def _check(name: str, score: Score, view: Predict, rows: Rows, labels: Ints | None) -> None:
    """Refuse a score that the model's answers or the truth do not allow."""
    if score.reads == "numbers" and (labels is not None or rows.targets is None):
        raise InputError(
            f"scoring is {name!r}, which compares numbers, and {view.called} tells classes. Give "
            "'log_loss', 'accuracy', 'roc_auc' or another score of classes."
        )
    if score.reads == "classes" and labels is None and (rows.raw % 1 != 0).any():
        raise InputError(
            f"scoring is {name!r}, which compares classes, and {view.called} answers with numbers "
            f"such as {rows.raw[rows.raw % 1 != 0][0]:.6g}. Give a score of numbers, such as "
            "'squared_error' or 'r2', or a classifier."
        )
    if score.reads == "probabilities" or (score.reads == "either" and labels is not None):
        _check_probabilities(name, view, rows.raw)
    if score.two and labels is not None and len(set(labels.tolist())) < _BINARY:
        raise InputError(
            f"scoring is {name!r}, about two classes, and all {len(labels)} rows of y are "
            "of one. Give rows of both."
        )
    if name == "r2" and rows.targets is not None and np.ptp(rows.targets) == 0:
        raise InputError(
            f"scoring is 'r2', the share of the spread of y that is explained, and all of y is "
            f"{rows.targets[0]:g}. Give 'squared_error', or rows that differ."
        )


def _check_probabilities(name: str, view: Predict, raw: Floats) -> None:
    sums = raw.sum(axis=1) if raw.shape[1] > 1 else np.ones(len(raw))
    if (raw < 0).any() or (raw > 1).any() or (np.abs(sums - 1) > 1e-3).any():  # noqa: PLR2004  rounding of float16
        raise InputError(
            f"scoring is {name!r}, which reads probabilities, and {view.called} answers with "
            f"{raw[0].tolist()!r:.60}. Give a classifier with predict_proba, or 'roc_auc' or "
            "'accuracy', for which scores will do."
        )


def _answered(
    view: Predict, rows: Rows, table: Table, labels: Ints | None, weights: Floats | None
) -> Known:
    truth = Truth(labels=labels, numbers=rows.targets if labels is None else None, weights=weights)
    if labels is None:
        numbers = np.asarray(rows.targets)
        return Known(table=table, truth=truth, y=numbers, classes=(), proba=False)
    classes = view.classes or tuple(range(_count(view, rows)))
    inside = bool((rows.raw >= 0).all() and (rows.raw <= 1).all())
    proba = view.unit == "probability" or (not view.classes and inside)
    y = np.array(classes)[labels]
    return Known(table=table, truth=truth, y=y, classes=classes, proba=proba)


def _weights(given: object, rows: int) -> Floats | None:
    if given is None:
        return None
    weights = np.asarray(given)
    if weights.shape != (rows,) or weights.dtype.kind not in "fiub":
        raise InputError(
            f"sample_weight is of shape {weights.shape} and dtype {weights.dtype}, and X has "
            f"{rows} rows. Give one number per row."
        )
    weights = weights.astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            f"sample_weight holds {shorten(weights.tolist())}. Finite numbers from 0 are needed, "
            "not all of them 0."
        )
    return np.asarray(weights / weights.mean())
