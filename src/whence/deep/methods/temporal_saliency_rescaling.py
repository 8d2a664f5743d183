"""When a series mattered, and which of its channels then: any other method, asked again and again.

Gradients of recurrent and convolutional networks find the right channels or the right times, seldom
both at once: what is in one point in time leaks into its neighbors. This method takes the two
apart. It hides one time after the other and sees how much the whole explanation changes; then, at
the times where it changes much, one channel after the other. The product says when and where.
"""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from whence.core.blocks import cut
from whence.core.errors import InputError
from whence.core.explanation import Attribution, Names
from whence.core.inputs import Series
from whence.core.method import Explain, Rows
from whence.core.provenance import Provenance
from whence.core.types import Floats, Ints
from whence.deep.network import Network
from whence.deep.target import Target
from whence.maskers.fill import cast
from whence.maskers.series import lag_names

Baseline: TypeAlias = "float | Literal['mean'] | NDArray[np.floating[Any]]"

_BYTES = 32_000_000
"""Bytes of the explanations that are held at a time."""


class Base(Protocol):
    """A method that explains a network by one target."""

    @property
    def target(self) -> Target:
        """Which output is explained."""
        ...

    def bind(self, view: Network) -> Explain[Attribution]:
        """Return the function that explains rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TemporalSaliencyRescaling:
    """How much an explanation changes when a time is hidden, times the same of a channel then.

    Values are positive: they say what matters, and not whether it raises the output. They do not
    add up to it. A row costs one explanation by ``of``, one for each time, and one for each channel
    of the times that are looked at closer.

    Attributes
    ----------
    of : method
        Explains the network and is rescaled: `Saliency`, `IntegratedGradients` or any other that
        has a ``target``.
    threshold : float
        Share of the times, those whose hiding changes least, that are 0 and not looked at closer.
        0 looks at all of them.
    baseline : float, "mean" or array of shape (channels,) or (times, channels)
        What stands where a series is hidden; "mean" is the mean of the channel over the series.

    Notes
    -----
    A channel is hidden at the one time alone. What "predicted" means as a target is settled by the
    row as it is, not by what the network says when some of it is hidden.

    References
    ----------
    Ismail, Gunady, Corrada Bravo and Feizi, doi:10.48550/arXiv.2010.13924.

    Examples
    --------
    >>> import torch, whence as wh
    >>> class Last(torch.nn.Module):  # reads what is last in channel 1
    ...     def forward(self, x):
    ...         return x[:, -1, 1] ** 2
    >>> of = wh.Saliency()
    >>> e = wh.explain(Last(), np.ones((1, 3, 2)), TemporalSaliencyRescaling(of=of))
    >>> e.values[0, :, :, 0]
    array([[0., 0.],
           [0., 0.],
           [0., 4.]])
    """

    of: Base
    threshold: float = 0.55
    baseline: Baseline = 0.0

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.48550/arXiv.2010.13924",)

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        from whence.deep.engine.result import numbers, running

        self._check()
        self.of.bind(view)  # which says what is wrong with it

        def explain(rows: Rows, *, rng: Generator) -> Attribution:
            series = _series_of(rows)
            with running(view, rows, self.of.target) as run:
                outputs = numbers(run.own()[0])
                targets = [run.scores.fixed(i) for i in range(len(run))]
                names, positions = run.scores.names, run.scores.positions
            asker = _Asker(
                view=view, series=series, stands=_stands(self.baseline, series),
                threshold=self.threshold, seed=int(rng.integers(2**63)),
            )  # fmt: skip
            values = np.zeros((*series.values.shape, outputs.shape[1]))
            for target in dict.fromkeys(targets):
                own = np.flatnonzero([one == target for one in targets])
                values[own] = asker.rescaled(_aimed(self.of, target).bind(view), own)
            return Attribution(
                values=values,
                base_values=np.zeros_like(outputs),
                outputs=outputs,
                target=None if positions is None else positions.cpu().numpy().astype(np.int32),
                names=Names(
                    features=lag_names(np.arange(values.shape[1], dtype=np.int32), series),
                    outputs=names,
                ),
                data=series,
                provenance=Provenance(
                    evaluations=asker.evaluations, warnings=tuple(dict.fromkeys(asker.warnings))
                ),
            )

        return explain

    def _check(self) -> None:
        named = is_dataclass(self.of) and "target" in {f.name for f in fields(self.of)}
        if isinstance(self.of, type) or not named:
            raise InputError(
                f"of is {self.of!r:.60}. A method that explains a network is needed, with its "
                "settings, such as wh.Saliency()."
            )
        number = isinstance(self.threshold, (int, float)) and not isinstance(self.threshold, bool)
        if not number or not 0 <= self.threshold < 1:
            raise InputError(
                f"threshold is {self.threshold!r:.60}. A number from 0 to below 1 is needed: the "
                "share of the times that are not looked at closer."
            )
        if isinstance(self.baseline, str):
            if self.baseline != "mean":
                raise InputError(
                    f"baseline is {self.baseline!r}. Give 'mean', a number, or an array of shape "
                    "(channels,) or (times, channels)."
                )
        elif not np.isfinite(np.asarray(self.baseline, dtype=np.float64)).all():
            raise InputError(f"baseline is {self.baseline!r:.60}. Finite numbers are needed.")


@dataclass(slots=True, kw_only=True, eq=False)
class _Asker:
    """Explains the rows of a block with some of them hidden, and counts."""

    view: Network
    series: Series
    stands: NDArray[Any]
    threshold: float
    seed: int
    evaluations: int = 0
    warnings: list[str] = field(default_factory=list)

    def rescaled(self, explain: Explain[Attribution], rows: Ints) -> Floats:
        """Return the values (rows, times, channels, targets) of some rows of the block."""
        times, channels = self.series.values.shape[1:]
        own = self._explained(explain, self.series[rows])
        place, time = (part.ravel() for part in np.indices((len(rows), times)))
        when = self._changes(explain, own, rows, (place, time, None)).reshape(len(rows), times, -1)
        level = np.quantile(when, self.threshold, axis=1, keepdims=True)
        closer = (when >= level) & (when > 0)
        where = np.repeat(when[:, :, None], channels, axis=2)
        if channels > 1:  # a single one is hidden where its time is
            place, time = np.nonzero(closer.any(axis=2))
            place, time = np.repeat(place, channels), np.repeat(time, channels)
            channel = np.resize(np.arange(channels), len(place))
            found = self._changes(explain, own, rows, (place, time, channel))
            where[place, time, channel] = found
        return np.asarray(np.where(closer, when, 0.0)[:, :, None] * where)

    def _changes(
        self,
        explain: Explain[Attribution],
        own: Floats,
        rows: Ints,
        hidden: tuple[Ints, Ints, Ints | None],
    ) -> Floats:
        """Return how much explanations change, (copies, targets), with something hidden in each.

        ``hidden`` is of each copy which of the rows it is of, the time, and the channel, or None
        for all of them.
        """
        place, time, channel = hidden
        changes = np.empty((len(place), own.shape[-1]))
        numbers = own[0].size + self.series.values[0].size
        for part in cut(len(place), max(1, _BYTES // (8 * numbers))):
            row, at = rows[place[part]], time[part]
            copies = self.series.values[row]
            every = np.arange(len(row))
            if channel is None:
                copies[every, at] = self.stands[row, at]
            else:
                copies[every, at, channel[part]] = self.stands[row, at, channel[part]]
            found = self._explained(explain, self.series.like(copies))
            apart = np.abs(found - own[place[part]])
            changes[part] = apart.reshape(len(row), -1, own.shape[-1]).sum(axis=1)
        return changes

    def _explained(self, explain: Explain[Attribution], series: Series) -> Floats:
        """Return the values of some series, drawn with the same random numbers each time."""
        found = explain(self.view.rows(series, None), rng=np.random.default_rng(self.seed))
        self.evaluations += len(series) + found.provenance.evaluations
        self.warnings += found.provenance.warnings
        return found.values


def _aimed(of: Any, target: Target) -> Base:  # noqa: ANN401  a dataclass that was checked to have a target
    """Return a method that explains another target."""
    aimed: Base = replace(of, target=target)
    return aimed


def _series_of(rows: Rows) -> Series:
    inputs = rows.given()
    if not isinstance(inputs, Series):
        raise InputError(
            f"X holds {type(inputs).__name__.lower()} and TemporalSaliencyRescaling explains "
            "series. Give an array of shape (rows, times, channels), or wh.series_of(X) of one of "
            "shape (rows, times)."
        )
    return inputs


def _stands(baseline: Baseline, series: Series) -> NDArray[Any]:
    """Return what stands for what is hidden, in the shape of the series."""
    values = series.values
    if isinstance(baseline, str):
        return cast(np.broadcast_to(values.mean(axis=1, keepdims=True), values.shape), values.dtype)
    given = np.asarray(baseline, dtype=np.float64)
    if given.shape not in ((), values.shape[2:], values.shape[1:]):
        raise InputError(
            f"baseline is of shape {given.shape} and the series of X of shape {values.shape[1:]}. "
            f"Give a number, one per channel {values.shape[2:]}, or a whole series."
        )
    return cast(np.broadcast_to(given, values.shape), values.dtype)
