"""Conditions under which a model says what it says about a row, with a certificate: anchors.

*Of tables* the rows of a background are the evidence. They are predicted once, when the method is
bound; then a rule about a row costs no further evaluation. One half of the background is searched
for the widest rule that the row meets and of whose rows nearly all are told the same. The other
half, which the search has not seen, judges it: the rows that it covers there are a random sample of
all such rows, so the lower bound of Clopper and Pearson holds, whatever was searched and however
long. One rule per row is judged and no more, so there is nothing to correct for. The search asks
for more on its half than the judgement does, since the widest of many rules owes some of its purity
to luck.

*Of texts, images and series* there are no rows like the one explained, so the model is asked about
samples of it: the parts of a rule are known, each other part with probability 1/2, and what is
unknown is hidden by the masker. Precision and coverage then are about such samples; see
`whence.kernels.anchor_arms`.

A certificate errs with a probability of at most ``delta``, for each row by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from whence.core.check import check_whole
from whence.core.decision import look_like_probabilities, threshold_of
from whence.core.errors import InputError, Interrupted
from whence.core.explanation import Names
from whence.core.inputs import Inputs, Texts, unshared
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.rules import Predicate, Rules, number
from whence.core.table import Table
from whence.core.types import Floats, Ints
from whence.kernels.agreement import Agreement
from whence.kernels.anchor_arms import ArmSampler, Verdict, Wish
from whence.kernels.anchor_evidence import Evidence
from whence.kernels.binomial import interval, lower_bound
from whence.maskers.choice import masker_of
from whence.maskers.columns import table_only
from whence.maskers.play import Seat, check_limits, play
from whence.maskers.scene import Masker, Scene
from whence.models.predict import Predict

_BEAM = 12
"""Rules of each length that the search keeps."""
_SHARE = 0.5
"""Tolerance of numbers in standard deviations, where the user gave none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchors:
    """For each row a rule, of which it is certified that the model says the same where it holds.

    Of classes "the same" is the class predicted, of numbers what differs by ``tolerance`` at most.
    A rule is "certified" if its precision is at least ``threshold``, with confidence
    ``1 - delta``; for that at least 59 other rows have to meet it, at 0.95 and 0.05. Otherwise
    the best rule found is returned as "not certified", or as "budget" if the search was cut off.

    Attributes
    ----------
    background : table of shape (background, columns) or None
        Rows in the form of ``X`` that rules are found in and judged by, for tables; the more the
        wider and the better certified. The model is asked about them once. Rules hold for rows
        like these: rows that the model was not trained on tell how it treats new ones.
    masker : Masker or None
        What hides the parts of texts, images and series; None is the usual one.
    threshold : float
        Least precision that is to be certified.
    delta : float
        Probability that a certificate, or ``precision_low``, is wrong.
    max_conditions : int
        Conditions of a rule at most; an interval with two bounds counts as two.
    tolerance : float or None
        How far two numbers may differ and are the same still; for probabilities too, if given.
        None compares classes, and numbers within half the standard deviation over the background.
    quantiles : int
        Into so many parts a column of numbers is cut, to make conditions of.
    budget : int or None
        Most evaluations of the model for one text, image or series; None allows 2,048, or 32 for
        each of many parts.
    seed : int
        Of the cut of the background in two halves.

    Notes
    -----
    ``precision`` and ``coverage`` of a table's rule are counted on the half that judges, without
    the row itself if it is there; their bounds are Clopper and Pearson's. Where no row is covered
    ``precision`` is 0. No random numbers are used, so that equal rows get equal rules. Of texts,
    images and series ``coverage`` is the share of samples, ``2**-parts``, which is exact.

    References
    ----------
    Ribeiro et al. 2018, doi:10.1609/aaai.v32i1.11491. Clopper & Pearson 1934,
    doi:10.1093/biomet/26.4.404.

    Examples
    --------
    >>> import whence as wh
    >>> Z = np.random.default_rng(0).normal(size=(2000, 2))
    >>> e = wh.explain(lambda X: (X[:, 0] > 0) * 1.0, Z[:1] + 1, Anchors(background=Z), rng=0)
    >>> [str(condition) for condition in e.predicates[0]], e.status
    (['x0 > 0.273778'], ('certified',))
    >>> bool(e.precision_low[0] >= 0.95), e.coverage.round(2)
    (True, array([0.38]))
    """

    background: object = None
    masker: Masker | None = None
    threshold: float = 0.95
    delta: float = 0.05
    max_conditions: int = 6
    tolerance: float | None = None
    quantiles: int = 10
    budget: int | None = 5000
    seed: int = 0

    needs: ClassVar[type] = Predict
    references: ClassVar[tuple[str, ...]] = (
        "10.1609/aaai.v32i1.11491", "10.1093/biomet/26.4.404",
    )  # fmt: skip

    def bind(self, view: Predict) -> Explain[Rules]:
        """Check the settings, ask about the background, and return what explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the background does not fit the model.
        """
        self._check()
        if view.response != "identity":
            raise InputError(
                "Anchors explains what the model says itself, and a loss was asked for. Leave "
                "output='raw'."
            )
        masker = masker_of(self.background, self.masker)
        if self.background is None:
            return self._sampled(view, masker)
        return self._counted(view)

    def _counted(self, view: Predict) -> Explain[Rules]:
        """Return what finds the rules of tables."""
        Z = view.read(self.background, what="background")
        said = view.respond(view.ask(unshared(Z)), None)
        agreement = self._agreement(view, said) or _within(said)
        evidence = Evidence.of(
            Z, said, agreement, threshold=self.threshold, delta=self.delta,
            quantiles=self.quantiles, most=self.max_conditions, beam=_BEAM, seed=self.seed,
        )  # fmt: skip
        warnings = (*self._assumed(view, said, agreement), *self._too_few(evidence))

        def explain(rows: Rows, *, rng: Generator) -> Rules:  # noqa: ARG001  nothing is drawn
            X = table_only(rows.given(), Z)
            coded = evidence.vocabulary.coded(X)
            found = [evidence.rule(x, own) for x, own in zip(coded, rows.outputs, strict=True)]
            right, covered, total = (
                np.array([getattr(rule, name) for rule in found])
                for name in ("right", "covered", "rows")
            )
            low, high = interval(covered, total)
            return self._rules(
                view, rows, right, covered,
                predicates=[evidence.vocabulary.said(r.conditions, X.names) for r in found],
                coverage=(covered / np.maximum(total, 1), low, high),
                status=["certified" if rule.certified else "not certified" for rule in found],
                provenance=Provenance(warnings=warnings),
            )  # fmt: skip

        return explain

    def _sampled(self, view: Predict, masker: Masker) -> Explain[Rules]:
        """Return what finds the rules of texts, images and series."""
        open_scene = masker.bind(view)
        wish = Wish(threshold=self.threshold, delta=self.delta, most=self.max_conditions)

        def explain(rows: Rows, *, rng: Generator) -> Rules:
            if isinstance(rows.given(), Table):
                raise InputError(
                    "The rows are a table and no background was given. Anchors of tables are found "
                    "in rows like them. Give background=X_valid, of some thousand rows, and no "
                    "masker."
                )
            scene = open_scene(rows.given(), rng)
            samplers: list[ArmSampler] = []

            def sampler(seat: Seat) -> ArmSampler:
                samplers.append(self._sampler(view, seat, wish))
                return samplers[-1]

            played = play(
                view, scene, rows, sampler, budget=self.budget, tolerance=None, rng=rng,
                single=True,
            )  # fmt: skip
            done = len(played.estimates)
            verdicts = [s.verdict for s in samplers[:done] if s.verdict is not None]
            result = self._of_verdicts(view, scene, rows[:done], verdicts, played.asked)
            if played.interrupted:
                raise Interrupted(result)
            return result

        return explain

    def _sampler(self, view: Predict, seat: Seat, wish: Wish) -> ArmSampler:
        agreement = self._agreement(view, seat.everybody[None])
        if agreement is None:
            raise InputError(
                f"{view.name} answered {seat.everybody.tolist()!r:.60}, which are no probabilities "
                "of classes, and tolerance is None. Give Anchors(tolerance=...): how far two "
                "answers may differ and are the same still."
            )
        return ArmSampler(
            players=seat.players, said=seat.everybody, agreement=agreement, wish=wish, rng=seat.rng
        )

    def _of_verdicts(
        self, view: Predict, scene: Scene, rows: Rows, verdicts: Sequence[Verdict], asked: int
    ) -> Rules:
        right, trials = (np.array([getattr(v, n) for v in verdicts]) for n in ("right", "trials"))
        coverage = 2.0 ** -np.array([len(v.parts) for v in verdicts])
        return self._rules(
            view, rows, right, trials,
            predicates=[_parts(scene, i, v.parts) for i, v in enumerate(verdicts)],
            coverage=(coverage, coverage, coverage),
            status=[v.status for v in verdicts],
            provenance=Provenance(evaluations=asked),
            data=scene.data[: len(verdicts)],
        )  # fmt: skip

    def _rules(
        self,
        view: Predict,
        rows: Rows,
        right: Ints,
        covered: Ints,
        *,
        predicates: Sequence[tuple[Predicate, ...]],
        coverage: tuple[Floats, Floats, Floats],
        status: Sequence[str],
        provenance: Provenance,
        data: Inputs | None = None,
    ) -> Rules:
        share, low, high = coverage
        return Rules(
            predicates=tuple(predicates),
            outputs=rows.outputs,
            precision=right / np.maximum(covered, 1),
            precision_low=lower_bound(right, covered, self.delta),
            coverage=share,
            coverage_low=low,
            coverage_high=high,
            covered=covered,
            status=tuple(status),
            names=Names(outputs=view.names_of(rows.outputs.shape[1])),
            data=data,
            provenance=provenance,
        )

    def _agreement(self, view: Predict, said: Floats) -> Agreement | None:
        """Return what "the same" means; None for numbers without a tolerance."""
        if self.tolerance is not None:
            return Agreement(tolerance=np.array([float(self.tolerance)]))
        if view.classes or view.unit == "probability":
            return Agreement(threshold=threshold_of(probable=view.unit == "probability"))
        if not view.library and look_like_probabilities(said):
            return Agreement()
        return None

    def _assumed(self, view: Predict, said: Floats, agreement: Agreement) -> tuple[str, ...]:
        """Say what was assumed of "the same", where the model does not tell."""
        if self.tolerance is not None or view.classes or view.unit == "probability":
            return ()
        if agreement.tolerance is not None:
            widths = ", ".join(number(width) for width in agreement.tolerance)
            return (
                (
                    f"tolerance was not given: answers that differ by at most {widths} (half the "
                    "standard deviation over the background) count as the same."
                ),
            )
        if said.shape[1] == 1:
            return (
                (
                    "The answers, all between 0 and 1, were taken for probabilities of a class "
                    "that is predicted above 0.5. If they are plain numbers, give "
                    "Anchors(tolerance=...)."
                ),
            )
        return ()

    def _too_few(self, evidence: Evidence) -> tuple[str, ...]:
        enough = np.flatnonzero(evidence.passing >= 0)
        if len(enough):
            return ()
        wish = Wish(threshold=self.threshold, delta=self.delta, most=self.max_conditions)
        return (
            (
                f"Nothing can be certified: a rule has to cover {wish.fewest} rows that judge it, "
                f"and of the {len(evidence.said)} rows of the background "
                f"{len(evidence.vocabulary.judge)} do. Give many times {2 * wish.fewest} rows."
            ),
        )

    def _check(self) -> None:
        check_limits(self.budget, None)
        for name, share in (("threshold", self.threshold), ("delta", self.delta)):
            if not _is_number(share) or not 0 < share < 1:
                raise InputError(
                    f"{name} is {share!r}. A number between 0 and 1 is needed, such as "
                    f"{'0.95' if name == 'threshold' else '0.05'}."
                )
        check_whole("max_conditions", self.max_conditions)
        check_whole("quantiles", self.quantiles, least=2)
        check_whole("seed", self.seed, least=0)
        if self.tolerance is not None and not (
            _is_number(self.tolerance) and 0 < self.tolerance < np.inf
        ):
            raise InputError(
                f"tolerance is {self.tolerance!r}. A positive number is needed, in the unit of the "
                "model's answers, or None."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _within(said: Floats) -> Agreement:
    return Agreement(tolerance=_SHARE * said.std(axis=0))


def _parts(scene: Scene, row: int, parts: Sequence[int]) -> tuple[Predicate, ...]:
    """Return the parts of one row, named as the row says them."""
    if isinstance(scene.data, Texts):
        words = scene.data.parts(row)
        named = {part: f"'{words[part]}'" for part in parts}
    else:
        named = {part: scene.names[part] if scene.names else f"segment {part}" for part in parts}
    return tuple(Predicate(feature=named[part], part=part) for part in parts)
