"""Layer-wise relevance propagation: the score is handed back, layer by layer, to what made it.

Each operation hands the relevance of its result on to what it read, by a rule: linear layers by
the rule of a composite, sums and residual connections in proportion, activations as it is, the
largest of a pool to the winner, products by half. Relevance is conserved but for the share of
biases and constants, so that the values of the inputs add up to the score less that share, which
is the residual of the explanation.

Notice. Patents are claimed on this method, among them US 12,061,966 B2, EP 3271863 B1 and
CA 2979579. Whoever uses it should find out whether they need a license; this is no legal advice.
whence never chooses the method by itself, and it is independent of all other methods.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.inputs import inputs_of
from whence.core.measurement import Measurement
from whence.core.method import Explain, Rows
from whence.core.types import Floats
from whence.deep.network import Network
from whence.deep.target import Target, check_target

if TYPE_CHECKING:
    from torch import nn

    from whence.deep.engine.lrp_flow import Account
    from whence.deep.engine.lrp_rules import Rules

Rule: TypeAlias = Literal["epsilon", "gamma", "zplus", "alpha2_beta1", "box", "w_square", "flat"]

_LEAK = 0.1
"""Share of the scores that may be missing before the reader is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """Which rule of `Lrp` is for which layer.

    ==============  ============================================================================
    "epsilon"       in proportion to what each input adds to the sum; signed, and noisy in deep
                    networks
    "gamma"         the same, positive parts favored by `Lrp.gamma`
    "zplus"         positive parts alone; calm, says nothing of what speaks against the score
    "alpha2_beta1"  twice the positive parts less the negative ones
    "box"           for inputs between `Lrp.low` and `Lrp.high`
    "w_square"      by squared weights, whatever the input
    "flat"          the same to all inputs of a layer
    ==============  ============================================================================

    Attributes
    ----------
    convolution : str
        The rule for convolutions.
    linear : str
        The rule for other linear layers, and products with a constant matrix.
    first : str or None
        The rule for layers that read the inputs, where these are numbers such as pixels and no
        vectors of ids; None leaves them as the others.

    Examples
    --------
    >>> Composite(convolution="gamma", linear="epsilon", first="w_square")
    Composite(convolution='gamma', linear='epsilon', first='w_square')
    """

    convolution: Rule
    linear: Rule
    first: Rule | None = None

    def __post_init__(self) -> None:
        """Refuse what is no rule."""
        known = Rule.__args__  # type: ignore[attr-defined]  # of Literal
        for name in ("convolution", "linear", "first"):
            rule = getattr(self, name)
            if rule not in known and not (name == "first" and rule is None):
                raise InputError(f"{name} is {rule!r}. Give one of {', '.join(map(repr, known))}.")


Named: TypeAlias = Literal[
    "epsilon",
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_gamma_box",
    "epsilon_alpha2_beta1",
    "gamma",
]

_COMPOSITES: dict[str, Composite] = {
    "epsilon": Composite(convolution="epsilon", linear="epsilon"),
    "epsilon_plus": Composite(convolution="zplus", linear="epsilon"),
    "epsilon_plus_flat": Composite(convolution="zplus", linear="epsilon", first="flat"),
    "epsilon_gamma_box": Composite(convolution="gamma", linear="epsilon", first="box"),
    "epsilon_alpha2_beta1": Composite(convolution="alpha2_beta1", linear="epsilon"),
    "gamma": Composite(convolution="gamma", linear="gamma"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lrp:
    """Relevance of inputs, handed back from the score layer by layer.

    Batch normalization is merged into the layer that gave what it reads, as it is found in the
    pass itself; elsewhere its shift keeps a share as a bias does. LSTM and GRU follow Arras: what
    passes a gate takes all. Attention, softmax and layer normalization follow AttnLRP. A divisor
    that depends on the input is a constant of normalization. An operation without a rule is named
    in the error.

    The values add up to the score less what biases and constants kept: the residual. Where that
    is much, `conservation` says at which layer.

    Attributes
    ----------
    composite : str or Composite
        Which rule is for which layer. "epsilon_plus" has z+ for convolutions and epsilon for all
        else, so that it is the usual choice for recurrent networks and transformers too.
        "epsilon_plus_flat" (also "epsilon_gamma_box", which needs ``low`` and ``high``) has a rule
        of its own for the first layer, for pictures. "epsilon" is AttnLRP in transformers, and
        "gamma" its variant for vision transformers. A `Composite` gives any other choice.
    epsilon : float
        What is added to divisors, with their sign. Larger ones are calmer and keep more; Arras
        has 1e-3 for LSTM.
    gamma : float
        How much positive parts are favored, where a rule does so.
    low, high : float, tuple of float or None
        Lowest and highest value that an input can have, as the network reads it; one per channel
        where they differ. For "box" alone.
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    layer : str or None
        Give the relevance of what this layer gives instead of that of the inputs.

    Notes
    -----
    Patents are claimed on layer-wise relevance propagation (US 12,061,966 B2, EP 3271863 B1,
    CA 2979579). Find out whether you need a license; this is no legal advice.

    References
    ----------
    Bach et al., doi:10.1371/journal.pone.0130140. Montavon et al.,
    doi:10.1007/978-3-030-28954-6_10. Arras et al., doi:10.1007/978-3-030-28954-6_11. Achtibat et
    al., doi:10.48550/arXiv.2402.05602.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False), torch.nn.ReLU())
    >>> _ = net[0].weight.data.copy_(torch.tensor([[3.0, -1.0]]))
    >>> wh.explain(net, np.array([[1.0, 2.0]]), Lrp()).values[0, :, 0].round(4)
    array([ 3., -2.])
    """

    composite: Named | Composite = "epsilon_plus"
    epsilon: float = 1e-9
    gamma: float = 0.25
    low: float | tuple[float, ...] | None = None
    high: float | tuple[float, ...] | None = None
    target: Target = None
    layer: str | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.1371/journal.pone.0130140",
        "10.1007/978-3-030-28954-6_10",
        "10.1007/978-3-030-28954-6_11",
        "10.48550/arXiv.2402.05602",
    )
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used, or the network has no such layer.
        UnsupportedModelError
            If the network does an operation that has no rule, when rows are explained.
        """
        from whence.deep.engine.relevance import kept, relevance
        from whence.deep.engine.result import attribution, check_layer, numbers, running

        check_target(self.target)
        check_layer(view, self.layer)
        rules = _rules(self)

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, self.target, self.layer) as run:
                scores, R = relevance(run, rules)
                warnings = _leaks(kept(scores, R), numbers(scores))
                return attribution(run, R, scores=scores, warnings=warnings)

        return explain


def _rules(method: Lrp) -> "Rules":
    """Check the settings, and return them as rules for layers."""
    from whence.deep.engine.lrp_rules import Rules

    composite = method.composite
    if isinstance(composite, str) and composite in _COMPOSITES:
        composite = _COMPOSITES[composite]
    if not isinstance(composite, Composite):
        raise InputError(
            f"composite is {composite!r}. Give one of {', '.join(map(repr, _COMPOSITES))}, or a "
            "Composite of rules."
        )
    for name, least in (("epsilon", 0.0), ("gamma", 0.0)):
        number = getattr(method, name)
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not number >= least:
            raise InputError(f"{name} is {number!r}. A number of at least {least:g} is needed.")
    parts = (composite.convolution, composite.linear, composite.first)
    _check_box(method.low, method.high, needed="box" in parts)
    return Rules(
        convolution=composite.convolution,
        linear=composite.linear,
        first=composite.first,
        epsilon=float(method.epsilon),
        gamma=float(method.gamma),
        low=method.low,
        high=method.high,
    )


def _check_box(low: object, high: object, *, needed: bool) -> None:
    if not needed:
        if low is not None or high is not None:
            raise InputError(
                f"low is {low!r} and high is {high!r}, and no rule of the composite reads them. "
                "Leave them out, or use 'epsilon_gamma_box'."
            )
        return
    if low is None or high is None:
        raise InputError(
            f"low is {low!r} and high is {high!r}, and the box rule needs both: the lowest and "
            "highest value that an input can have, as the network reads it."
        )
    bounds = np.broadcast_arrays(np.asarray(low, dtype=float), np.asarray(high, dtype=float))
    if not bool(np.all(bounds[0] < bounds[1])):
        raise InputError(f"low is {low!r} and high is {high!r}. low must be below high.")


def _leaks(lost: Floats, scores: Floats) -> tuple[str, ...]:
    """Tell the reader how much of the scores did not come to the inputs, if it is much."""
    size = float(np.abs(scores).sum())
    share = float(np.abs(lost).sum()) / size if size else 0.0
    if share <= _LEAK:
        return ()
    said = (
        f"Of the scores, {100 * share:.0f} % did not come to the inputs: biases, constants "
        "and softmax kept it. conservation(network, X, method) says at which layers."
    )
    return (said,)


def conservation(model: "nn.Module | Network", X: object, method: Lrp | None = None) -> Measurement:
    """Measure where relevance is kept on its way from the score to the inputs.

    Every operation that can keep some is listed, from the inputs to the output, with means over
    rows and targets: the relevance that "came" to its result, what it "kept" of it for biases,
    constants and stabilizers, and the "largest" magnitude of what it handed on to a single number,
    which tells of a rule that is not stable. Passes of activations and pools keep nothing and are
    left out. The last line, "total", is what did not come to the inputs in all.

    Parameters
    ----------
    model : torch.nn.Module or Network
    X : array, tensor, list of str, Images, Texts or Series
    method : Lrp or None
        None: the default settings.

    Returns
    -------
    Measurement
        ``group`` is the layer, with the operation in brackets where it has parameters.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> net = torch.nn.Linear(2, 1)
    >>> _ = net.weight.data.fill_(1.0), net.bias.data.fill_(2.0)
    >>> found = conservation(net, np.ones((1, 2)))
    >>> for name, layer, number in zip(found.name, found.group, found.value):
    ...     print(name, layer, number.round(3))
    came linear 4.0
    kept linear 2.0
    largest linear 1.0
    kept total 2.0
    """
    from whence.deep.engine.relevance import kept, relevance
    from whence.deep.engine.result import check_layer, running

    method = Lrp() if method is None else method
    view = model if isinstance(model, Network) else Network.of(model)
    inputs = inputs_of(X)
    check_target(method.target)
    check_layer(view, method.layer)
    view.check(inputs)
    accounts: list[Account] = []
    with running(view, view.rows(inputs, None), method.target, method.layer) as run:
        scores, R = relevance(run, _rules(method), accounts)
    count = max(1, scores.numel())
    total = float(kept(scores, R).sum())
    lines = [
        (name, one.label, number)
        for one in accounts
        if one.used
        for name, number in (
            ("came", one.came / count),
            ("kept", (one.came - one.went) / count),
            ("largest", one.largest),
        )
    ]
    return _table([*lines, ("kept", "total", total / count)], len(scores), view.unit)


def _table(lines: list[tuple[str, str, float]], rows: int, unit: str) -> Measurement:
    nothing = np.full(len(lines), np.nan)
    each = len(lines)
    return Measurement(
        name=tuple(name for name, _, _ in lines),
        value=np.array([number for _, _, number in lines]),
        low=nothing,
        high=nothing.copy(),
        n=np.full(each, rows),
        group=tuple(group for _, group, _ in lines),
        unit=(unit,) * each,
        better=tuple("zero" if name == "kept" else "none" for name, _, _ in lines),
        method=("relevance handed on",) * each,
    )
