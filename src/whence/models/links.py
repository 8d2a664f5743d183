"""Losses, the links that go with them, and the truth that they compare with."""

import numpy as np

from whence.core.check import labels_of, shorten, targets_of
from whence.core.decision import look_like_probabilities
from whence.core.errors import InputError, UnsupportedModelError
from whence.core.response import Response
from whence.core.types import Floats
from whence.models.parse.training import Loss, Training
from whence.models.predict import Predict

LINKS: dict[Loss, tuple[Response, ...]] = {
    "squared_error": ("identity",),
    "log_loss": ("logistic", "softmax"),
    "poisson": ("exp",),
}
"""Links that are canonical for a loss: its derivative is what is answered, less the truth."""
LOSSES: dict[Response, Loss] = {
    "identity": "squared_error",
    "logistic": "log_loss",
    "softmax": "log_loss",
}
"""The loss that is meant where a model does not say; an exponential may be of several."""

_SMALLEST = 1e-300
_BINARY = 2


def truth_of(view: Predict, y: object, n: int, k: int, loss: Loss) -> Floats:
    """Return what the model was trained to answer, (rows, outputs)."""
    if y is None:
        raise InputError(
            "y is None. Influence leaves out training rows, and needs what the model was trained "
            "to say about them. Give y=y_train, one entry per row of the background."
        )
    if loss != "log_loss":
        if k == 1:
            return targets_of(y, n)[:, None]
        return targets_of(np.asarray(y).reshape(-1), n * k).reshape(n, k)
    classes = view.classes or tuple(range(max(k, _BINARY)))
    labels = labels_of(y, classes, n)
    return labels[:, None].astype(np.float64) if k == 1 else np.eye(k)[labels]


def weight_of(view: Predict, training: Training, truth: Floats) -> Floats:
    """Return how often each row counts, which is told by its class alone."""
    n, k = truth.shape
    if training.class_weight is None:
        return np.ones(n)
    label = truth[:, 0].astype(np.int64) if k == 1 else truth.argmax(axis=1)
    classes = max(k, _BINARY)
    if training.class_weight == "balanced":
        return np.asarray(n / (classes * np.bincount(label, minlength=classes))[label])
    given = np.array([float(training.class_weight.get(c, 1.0)) for c in view.classes])
    return np.asarray(given[label])


def guessed(view: Predict, answers: Floats) -> Loss:
    """Return the loss that a model which does not say was most likely trained with."""
    shares = answers.shape[1] > 1 and look_like_probabilities(answers)
    probable = shares or (view.classes and not scores_alone(view))
    return "log_loss" if probable else "squared_error"


def link_of(view: Predict, answers: Floats, loss: Loss) -> Response:
    """Return the link that goes with a loss.

    Raises
    ------
    InputError, UnsupportedModelError
        If the model does not answer with what the loss compares with.
    """
    if loss == "log_loss":
        if not look_like_probabilities(answers):
            raise InputError(
                f"The loss is 'log_loss' and {view.name} answers {shorten(answers[0].tolist())}, "
                "which are no probabilities. Give a model that answers with those, or "
                "Influence(loss='squared_error')."
            )
        return "logistic" if answers.shape[1] == 1 else "softmax"
    if scores_alone(view):
        raise UnsupportedModelError(
            f"{view.name} answers with scores of classes, of a loss that is not known. Give a "
            "function that answers with probabilities."
        )
    return "exp" if loss == "poisson" else "identity"


def scores_alone(view: Predict) -> bool:
    """Tell whether a classifier answers with scores, which may be of any loss."""
    return bool(view.classes) and view.unit == "score"


def unlinked(link: Response, answers: Floats) -> Floats:
    """Return scores of which the link makes these answers."""
    if link == "identity":
        return answers
    logs = np.log(np.maximum(answers, _SMALLEST))
    if link == "logistic":
        return np.asarray(logs - np.log(np.maximum(1 - answers, _SMALLEST)))
    return logs
