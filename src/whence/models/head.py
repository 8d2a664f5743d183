"""The last part of a model, which is linear but for a link, with the loss that it minimizes.

It is the whole of a linear model, and the last layer of a network. Its scores are ``features @
coefficients``; what the model answers is made of them by a link: none, the logistic function or
softmax of classes, or the exponential of counts. Each is the canonical link of its loss, so that
the derivative of the loss by the scores is what the model answers, less the truth.

The scores of more than two classes are determined but for a constant, so they are written in
contrasts, one fewer than there are classes, in which a squared penalty is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whence.core.errors import InputError, UnsupportedModelError
from whence.core.inputs import Inputs
from whence.core.response import Response, respond
from whence.core.table import Table
from whence.core.types import Floats
from whence.models.behind import linear_behind
from whence.models.links import (
    LINKS,
    LOSSES,
    guessed,
    link_of,
    scores_alone,
    truth_of,
    unlinked,
    weight_of,
)
from whence.models.parse.training import Loss, Training, training_of
from whence.models.predict import Predict

_FEW = 5
"""Rows by which a model is compared with its coefficients."""
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The last part of a model, at some training rows.

    Attributes
    ----------
    design : callable
        Rows -> features of shape (rows, columns), with a column of ones for an intercept.
    scores : callable
        Features and what the model answers, both of one row -> its scores, (outputs,).
    link : str
        What makes the answer of the scores.
    features : array of shape (training rows, columns)
    answers : array of shape (training rows, outputs)
        What the model says about them.
    coefficients : array of shape (columns, outputs)
    truth : array of shape (training rows, outputs)
    weight : array of shape (training rows,)
        How often each counts.
    penalty : array of shape (columns,)
    basis : array of shape (outputs, contrasts)
    read : bool
        Whether the penalty was read from the estimator.
    """

    design: Callable[[Inputs], Floats]
    scores: Callable[[Floats, Floats], Floats]
    link: Response
    features: Floats
    answers: Floats
    coefficients: Floats
    truth: Floats
    weight: Floats
    penalty: Floats
    basis: Floats
    read: bool

    def answer(self, scores: Floats) -> Floats:
        """Return what the model answers, of shape (rows, outputs)."""
        return respond(self.link, scores, None)

    def residual(self) -> Floats:
        """Return the derivative of each row's loss by its contrasts, (rows, contrasts)."""
        return np.asarray(((self.answers - self.truth) * self.weight[:, None]) @ self.basis)

    def curvature(self) -> Floats | None:
        """Return the second derivatives, (rows, contrasts, contrasts); None if they are one."""
        p = self.answers
        if self.link == "identity":
            return None
        if self.link == "softmax":
            first = np.einsum("nk,ka,kb->nab", p, self.basis, self.basis)
            mean = p @ self.basis
            spread = first - mean[:, :, None] * mean[:, None, :]
        else:
            spread = (p * (1 - p) if self.link == "logistic" else p)[:, :, None]
        return np.asarray(spread * self.weight[:, None, None])

    def gradient(self) -> Floats:
        """Return the derivative of all that is minimized, (columns, contrasts); about zero."""
        pull = self.penalty[:, None] * (self.coefficients @ self.basis)
        return np.asarray(self.features.T @ self.residual() + pull)


def head_of(
    view: Predict,
    background: Inputs,
    y: object,
    *,
    penalty: float | None,
    loss: Loss | None,
    places: Floats | None,
    embed: Predict | None,
) -> Head:
    """Return the last part of a model.

    Parameters
    ----------
    view : Predict
    background : Table, Images, Texts or Series
        The training rows.
    y : array
        The truth about them.
    penalty, loss : float, str or None
        What was minimized; None reads it from the model.
    places : array of shape (training rows, features) or None
        What ``embed`` makes of the training rows.
    embed : Predict or None
        Makes features of rows; None reads the coefficients of a linear model.

    Raises
    ------
    UnsupportedModelError
        If the model is not linear, and nothing was given in which it is.
    InputError
        If ``y`` is not the truth about these rows, or what was minimized is not known.
    """
    training = training_of(view.model)
    if embed is not None and places is not None:
        answers = view.ask(background)
        loss = loss or (training.loss if training else guessed(view, answers))
        link = link_of(view, answers, loss)
        features = _with_ones(places)
        scores = unlinked(link, answers)
        return _head(
            view,
            _Parts(
                design=lambda X: _with_ones(embed.ask(X)),
                scores=lambda _, said: unlinked(link, said[None])[0],
                link=link,
                features=features,
                answers=answers,
                coefficients=_fitted(features, scores, link),
                intercept=True,
            ),
            y,
            loss,
            penalty,
            training or Training(loss=loss, penalty=0.0),
        )
    return _linear_head(view, background, y, loss, penalty, training)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """What is known of a head before its loss."""

    design: Callable[[Inputs], Floats]
    scores: Callable[[Floats, Floats], Floats]
    link: Response
    features: Floats
    answers: Floats
    coefficients: Floats
    intercept: bool


def _linear_head(
    view: Predict,
    background: Inputs,
    y: object,
    loss: Loss | None,
    penalty: float | None,
    training: Training | None,
) -> Head:
    behind = linear_behind(view, background[:_FEW]) if isinstance(background, Table) else None
    if behind is None:
        raise UnsupportedModelError(
            f"{view.name} cannot be read as a linear model of the columns of a table. Influence "
            "needs one, or embed=function, which makes numbers of rows in which the model is "
            "linear but for its link, such as all layers of a network before the last. For any "
            "other model, NearestExamples(background=X_train) shows training rows like a row."
        )
    loss = loss or (training.loss if training else LOSSES.get(behind.response))
    if loss is None or behind.response not in LINKS[loss] or scores_alone(view):
        raise UnsupportedModelError(
            f"{view.name} answers with a {view.unit}, which is not the minimum of the loss "
            f"{loss or 'of any kind that is known'}. Influence reads regressions with the squared "
            "error, and classifiers with probabilities that minimize the log-loss."
        )
    if training is None and penalty is None:
        raise InputError(
            f"How {view.name} was trained is not known. Give penalty=, the weight of half the sum "
            "of squared coefficients beside the sum of losses; 0 if there is none."
        )
    training = training or Training(loss=loss, penalty=0.0)
    linear, intercept = behind.linear, training.intercept is not None
    add = _with_ones if intercept else np.asarray
    coefficients = linear.coefficients
    if intercept:
        coefficients = np.vstack([coefficients, linear.intercept])
    features = add(linear.read(background, what="background"))
    parts = _Parts(
        design=lambda X: add(linear.read(X, what="X")),
        scores=lambda phi, _: phi @ coefficients,
        link=behind.response,
        features=features,
        answers=view.ask(background),
        coefficients=coefficients,
        intercept=intercept,
    )
    return _head(view, parts, y, loss, penalty, training)


def _head(
    view: Predict,
    parts: _Parts,
    y: object,
    loss: Loss,
    penalty: float | None,
    training: Training,
) -> Head:
    n, d = parts.features.shape
    k = parts.answers.shape[1]
    truth = truth_of(view, y, n, k, loss)
    strength = training.penalty if penalty is None else penalty
    if training.per_row and penalty is None:
        strength *= n
    each = np.full(d, float(strength))
    if parts.intercept:
        each[-1] *= training.intercept or 0.0
    return Head(
        design=parts.design,
        scores=parts.scores,
        link=parts.link,
        features=parts.features,
        answers=parts.answers,
        coefficients=parts.coefficients,
        truth=truth,
        weight=weight_of(view, training, truth),
        penalty=each,
        basis=_contrasts(k) if parts.link == "softmax" else np.eye(k),
        read=penalty is None and training_of(view.model) is not None,
    )


def _with_ones(X: Floats) -> Floats:
    return np.column_stack([X, np.ones(len(X))])


def _fitted(features: Floats, scores: Floats, link: Response) -> Floats:
    """Return the coefficients of scores that are linear in features, or refuse."""
    softmax = link == "softmax"  # whose scores are known but for a constant in each row
    centered = scores - scores.mean(axis=1, keepdims=True) if softmax else scores
    found = np.linalg.lstsq(features, centered, rcond=None)[0]
    rest = centered - features @ found
    spread = np.sqrt(((centered - centered.mean(axis=0)) ** 2).mean())
    if np.sqrt((rest**2).mean()) > _LINEAR * spread + _SMALLEST:
        share = 1 - (rest**2).mean() / max(spread**2, _SMALLEST)
        raise InputError(
            f"What embed makes of rows explains {share:.1%} of the scores of the model, so that "
            "the model is not linear in it. Give the function that makes what the last, linear "
            "layer of the model reads."
        )
    return np.asarray(found)


_LINEAR = 0.02
"""Share of the spread of scores that rounding of probabilities may hide."""


def _contrasts(k: int) -> Floats:
    """Return an orthonormal basis, (k, k - 1), of all that sums to zero (Helmert's)."""
    out = np.zeros((k, k - 1))
    for j in range(1, k):
        out[:j, j - 1], out[j, j - 1] = 1.0, -float(j)
    return np.asarray(out / np.sqrt((out**2).sum(axis=0)))
