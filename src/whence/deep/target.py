"""Which output of a network is explained: one, several, all, a difference, or a score of one's own.

A gradient costs a pass per output, so that a method explains what is asked for and no more. The
outputs of an explanation are the targets, in their order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from whence.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Single: TypeAlias = int | str
"""An output by number or name; "predicted" is the largest of each row, "runner-up" the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Explain why one output and not another: the difference of two.

    Attributes
    ----------
    of : int or str
        An output by number or name, or "predicted", the largest of each row.
    against : int or str
        Another one, or "runner-up", the second largest of each row.

    Examples
    --------
    >>> Contrast()
    Contrast(of='predicted', against='runner-up')
    """

    of: Single = "predicted"
    against: Single = "runner-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neuron:
    """Explain a unit inside of the network instead of an output.

    Attributes
    ----------
    layer : str
        The layer by name, as ``module.named_modules()`` has it.
    unit : int or tuple of int
        Which of its numbers; of fewer indices than axes, such as a channel of a convolution, the
        mean over the others.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> e = wh.explain(net, np.ones((1, 2)), wh.DeepLift(target=Neuron(layer="0", unit=2)))
    >>> e.names.outputs, bool(np.allclose(e.values[0, :, 0], net[0].weight[2].tolist()))
    (('0[2]',), True)
    """

    layer: str
    unit: int | tuple[int, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """The indices of the unit."""
        return self.unit if isinstance(self.unit, tuple) else (self.unit,)

    @property
    def name(self) -> str:
        """What an explanation calls it."""
        return f"{self.layer}[{', '.join(map(str, self.places))}]"


Target: TypeAlias = (
    Single
    | Contrast
    | Neuron
    | Literal["all"]
    | tuple[Single | Contrast, ...]
    | Callable[[Any], "Tensor"]
    | None
)
"""An output by number or name; "predicted", "all"; a `Contrast`; a tuple of these; a `Neuron`; or
a function of what the module answers -> tensor of shape (rows,) or (rows, scores). None: the output
of a network that has one, the predicted one of each row otherwise."""

RANKED = ("predicted", "runner-up")
"""Outputs that are another one from row to row, by their rank."""
ALL = "all"


def check_target(target: object) -> None:
    """Refuse what is no target, before any work.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> check_target((0, "predicted", Contrast(of=1, against=2)))
    """
    if target is None or callable(target):
        return
    if isinstance(target, Neuron):
        _check_neuron(target)
        return
    listed = target if isinstance(target, tuple) else (target,)
    for one in listed:
        ends = (one.of, one.against) if isinstance(one, Contrast) else (one,)
        for end in ends:
            whole = isinstance(end, (int, np.integer)) and not isinstance(end, bool)
            if not (whole or isinstance(end, str)):
                raise InputError(
                    f"target is {target!r:.60}. An output by number or name is needed, "
                    "'predicted', 'all', a wh.Contrast, a tuple of these, or a function of what "
                    "the module answers that gives one score per row."
                )
    if not listed:
        raise InputError("target is (). Name one output at least, or give 'all'.")


def _check_neuron(target: Neuron) -> None:
    places = target.places
    whole = all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in places)
    if not isinstance(target.layer, str) or not places or not whole:
        raise InputError(
            f"target is {target!r:.60}. The name of a layer and whole numbers for the unit are "
            "needed, such as wh.Neuron(layer='features.3', unit=5)."
        )


def position_of(end: Single, names: tuple[str, ...]) -> int:
    """Return the number of an output; -1 - rank of one that is told by its rank.

    Raises
    ------
    InputError
        If there is no such output.

    Examples
    --------
    >>> position_of("dog", ("cat", "dog")), position_of("predicted", ("cat", "dog"))
    (1, -1)
    """
    if isinstance(end, str) and end in names:
        return names.index(end)
    if isinstance(end, str) and end in RANKED:
        if end == "runner-up" and len(names) == 1:
            raise InputError(
                "target asks for the runner-up and the network has a single output. Leave it out."
            )
        return -1 - RANKED.index(end)
    if isinstance(end, str) or not -len(names) <= end < len(names):
        listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")  # noqa: PLR2004  a line
        raise InputError(
            f"target is {end!r} and the network has {len(names)} outputs: {listed}. Give a number "
            f"from 0 to {len(names) - 1}, a name, 'predicted' or 'all'."
        )
    return int(end) % len(names)


def name_of(one: Single | Contrast, names: tuple[str, ...]) -> str:
    """Return what an explanation calls a target.

    Examples
    --------
    >>> name_of(Contrast(of=0, against="runner-up"), ("cat", "dog"))
    'cat - runner-up'
    """
    if isinstance(one, Contrast):
        return f"{name_of(one.of, names)} - {name_of(one.against, names)}"
    position = position_of(one, names)
    return names[position] if position >= 0 else RANKED[-1 - position]
