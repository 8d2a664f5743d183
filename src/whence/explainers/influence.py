"""Which training rows made a prediction what it is: what it would be without each of them.

For models that are linear, by themselves or in what the layers before the last one make of a row,
leaving out a row moves the coefficients by one step of Newton's method, which is exact for the
squared error: `whence.kernels.leave_one_out`. What comes before the linear part, such as the steps
of a pipeline or the other layers, is taken as it is.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole, shorten
from whence.core.errors import InputError, VerificationError
from whence.core.examples import Examples
from whence.core.method import Explain, Rows
from whence.core.types import Floats, Ints
from whence.kernels.leave_one_out import LeaveOneOut
from whence.kernels.players import player_of
from whence.maskers.chosen import chosen
from whence.maskers.likeness import Apart, Embed, Likeness, background_of
from whence.models.head import Head, head_of
from whence.models.predict import Predict

Side: TypeAlias = Literal["both", "raised", "lowered"]

_LOSSES = ("auto", "squared_error", "log_loss")
_MOST = 5_000
"""Coefficients at most: their second derivatives are a matrix of 200 MB."""
_OFF, _NEAR = 0.1, 0.01
"""Shares of the spread of scores by which a model may be off its minimum at most, or unsaid."""
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Influence:
    """The training rows that moved each prediction most, and by how much.

    ``score`` is the output as it is, minus what it would be if the model were trained without that
    one row: positive where the training row raised the output, negative where it lowered it. With
    ``output="log_loss"`` and ``y`` that is the loss of the row: training rows with a negative
    score then helped, those with a positive one did harm. ``index`` says which row it is, and
    ``distance`` how far it is from the row explained, as in ``NearestExamples``.

    It reads linear and Poisson regressions, ridge and logistic regressions with a squared penalty,
    of scikit-learn, alone or at the end of a pipeline. Of a network, or any other model, give
    ``embed``: what the layers before the last one make of rows.

    Attributes
    ----------
    background : table, images, texts or series
        The rows that the model was trained on, all of them.
    y : array of shape (background,) or (background, outputs)
        What the model was trained to say about them: classes or numbers.
    count : int
        How many training rows for each row explained.
    side : {"both", "raised", "lowered"}
        Those that moved the output most, in either direction or in one alone.
    target : int, str or None
        Output that is explained; None is the largest of several, such as the class decided for.
    penalty : float or None
        Weight of half the sum of squared coefficients beside the sum of losses (half of the
        squared error; 1 / C of a logistic regression, alpha of a ridge regression). None reads it
        from the estimator, and is 0 for a function or a network.
    embed : callable or None
        Rows in the user's form -> numbers of shape (rows, features) in which the model is linear
        up to its last link.
    loss : {"auto", "squared_error", "log_loss"}
        What was minimized. "auto" reads it from the estimator; else it is the log-loss of
        probabilities of several classes, and the squared error of anything else.

    Notes
    -----
    Without a penalty, a training row that alone decides about a coefficient, such as the only one
    of its category, leaves none to compare with: ``provenance.warnings`` lists such rows.

    References
    ----------
    Koh & Liang 2017, arXiv:1703.04730. Pregibon 1981, doi:10.1214/aos/1176345513 (one step, the
    row's own curvature included). Cook 1977, doi:10.2307/1268249 (exact for the squared error).

    Examples
    --------
    >>> import whence as wh
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 2.0, 5.0])
    >>> model = LinearRegression().fit(X, y)
    >>> e = wh.explain(model, X[3:], Influence(background=X, y=y, count=1))
    >>> e.index, e.score.round(6)  # without the last row, a line through the others says 3
    (array([[3]]), array([[1.4]]))
    """

    background: object = None
    y: object = None
    count: int = 10
    side: Side = "both"
    target: int | str | None = None
    penalty: float | None = None
    embed: Embed | None = None
    loss: Literal["auto", "squared_error", "log_loss"] = "auto"

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "arXiv:1703.04730", "10.1214/aos/1176345513", "10.2307/1268249",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Examples]:
        """Read the model and its training rows and return the function that explains rows.

        Raises
        ------
        UnsupportedModelError
            If the model is not linear, and no ``embed`` was given.
        InputError
            If the training rows or ``y`` do not fit the model, or a setting cannot be used.
        VerificationError
            If the model is not at the minimum for these training rows.
        """
        self._check()
        background = background_of(view, self.background)
        _check_rows(self.count, len(background))
        likeness = Likeness.of(background, embed=self.embed)
        head = head_of(
            view,
            background,
            self.y,
            penalty=self.penalty,
            loss=None if self.loss == "auto" else self.loss,
            places=likeness.places,
            embed=likeness.embed,
        )
        _check_size(head)
        left = LeaveOneOut.of(head.features, head.residual(), head.curvature(), head.penalty)
        warnings = (*_check_minimum(head, left), *_undetermined(left.alone))
        names = view.names_of(head.answers.shape[1])
        target = None if self.target is None else player_of(
            self.target, names, len(names), setting="target"
        )  # fmt: skip

        def explain(rows: Rows, *, rng: Generator) -> Examples:
            del rng  # nothing is drawn
            X = rows.given()
            apart, both = likeness.of_rows(X)
            moves = _Moves(view=view, head=head, left=left, target=target)
            index, score, distance = self._ranked(moves, apart, rows, head.design(X))
            labels = None if rows.labels is None else np.repeat(rows.labels, self.count)
            outputs = view.respond(head.answers[index.ravel()], labels)
            return chosen(
                "influence", X, background, both, index, distance, outputs, rows.outputs,
                score=score, warnings=warnings,
            )  # fmt: skip

        return explain

    def _check(self) -> None:
        check_whole("count", self.count)
        if self.side not in get_args(Side):
            raise InputError(f"side is {self.side!r}. Give one of {get_args(Side)}.")
        if self.loss not in _LOSSES:
            raise InputError(f"loss is {self.loss!r}. Give one of {_LOSSES}.")
        if self.penalty is not None and not 0 <= self.penalty < np.inf:
            raise InputError(f"penalty is {self.penalty!r}. A finite number from 0 is needed.")

    def _ranked(
        self, moves: "_Moves", apart: Apart, rows: Rows, design: Floats
    ) -> tuple[Ints, Floats, Floats]:
        """Return training rows, their scores and their distances, (rows, candidates)."""
        shape = (len(design), self.count)
        index, score, distance = np.empty(shape, dtype=np.int64), np.empty(shape), np.empty(shape)
        for i, phi in enumerate(design):
            label = None if rows.labels is None else int(rows.labels[i])
            raised = moves.raised(phi, rows.raw[i], label)
            size = {"both": np.abs(raised), "raised": raised, "lowered": -raised}[self.side]
            order = np.argsort(-size, kind="stable")[: self.count]
            index[i], score[i] = order, raised[order]
            distance[i] = apart(slice(i, i + 1), order)[0]
            if self.side != "both":
                index[i, size[order] <= 0] = -1
        return index, score, distance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moves:
    """What each training row does to the output of a row."""

    view: Predict
    head: Head
    left: LeaveOneOut
    target: int | None

    def raised(self, phi: Floats, said: Floats, label: int | None) -> Floats:
        """Return how far each training row raised the output of a row.

        Parameters
        ----------
        phi : array of shape (columns,)
        said : array of shape (outputs,)
            What the model answers.
        label : int or None
            The true class.
        """
        scores = self.head.scores(phi, said)
        moved = scores + self.left.moves(phi) @ self.head.basis.T
        labels = None if label is None else np.full(len(moved), label)
        one = None if labels is None else labels[:1]
        now = self.view.respond(self.head.answer(scores[None]), one)[0]
        without = self.view.respond(self.head.answer(moved), labels)
        target = int(now.argmax()) if self.target is None else self.target
        return np.asarray(now[target] - without[:, target])


def _check_rows(count: int, rows: int) -> None:
    if rows <= 1:
        raise InputError(
            "The background has one row. Influence leaves out one training row after the other. "
            "Give background=X_train, all rows that the model was trained on."
        )
    if count > rows:
        raise InputError(
            f"count is {count} and the background has {rows} rows. Give fewer, or all rows that "
            "the model was trained on."
        )


def _check_size(head: Head) -> None:
    columns, scores = head.features.shape[1], head.basis.shape[1]
    together = columns * (1 if head.link == "identity" else scores)
    if together > _MOST:
        raise InputError(
            f"The model has {together:,} coefficients ({columns:,} features). At most {_MOST:,} "
            "can be solved for. Give embed= with fewer features, or use NearestExamples."
        )


def _check_minimum(head: Head, left: LeaveOneOut) -> tuple[str, ...]:
    """Refuse a model that is not at the minimum for its training rows, or return a warning."""
    step = left.step(head.features, head.gradient())
    scores = head.features @ head.coefficients @ head.basis
    scale = np.sqrt(scores.var(axis=0).mean() + (head.residual() ** 2).mean())
    share = float(np.sqrt((step**2).mean()) / max(scale, _SMALLEST))
    told = (
        f"The model is not at the minimum of its loss for this background, y and penalty: one step "
        f"of Newton's method moves its scores by {share:.1%} of their spread."
    )
    if head.read and share > _OFF:
        raise VerificationError(
            f"{told} Give the very rows that it was trained on, all of them, and y in their order; "
            "or penalty=, if it was trained with weights of rows or stopped early."
        )
    return (f"{told} Influences are about as far off.",) if share > _NEAR else ()


def _undetermined(alone: Ints) -> tuple[str, ...]:
    if not len(alone):
        return ()
    told = (
        f"{len(alone)} of the training rows alone decide about a coefficient, such as that of a "
        f"category with one row: {shorten(alone.tolist())}. Without such a row the model is not "
        "determined, so its influence is not known and told as 0. A penalty would determine it."
    )
    return (told,)
