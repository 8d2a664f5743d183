"""Rules of layer-wise relevance propagation in the place of the operations of a pass."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from whence.core.errors import UnsupportedModelError
from whence.core.types import Floats
from whence.deep.engine.lrp_flow import (
    Account,
    foreign,
    is_behind_layer,
    started,
    taken,
    through_layer,
)
from whence.deep.engine.lrp_layers import Layer
from whence.deep.engine.lrp_normalize import NORMALIZE
from whence.deep.engine.lrp_operations import BY_KIND, BY_NAME
from whence.deep.engine.lrp_rules import Rules
from whence.deep.engine.operations import FLAT, Call, Operations, no_rule, tensors_in
from whence.deep.engine.result import numbers

if TYPE_CHECKING:
    from whence.deep.engine.run import Run


class Relevance(Operations):
    """Does each operation so that relevance flows back through it.

    Attributes
    ----------
    rules : Rules
    opened : bool
        Whether the network is opened at numbers that it reads, so that it has a first layer.
    names : mapping of int to str
        Names of layers by the id of their parameters.
    accounts : list of Account or None
        What came to each operation and went on from it, in order; None keeps no accounts.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        opened: bool = False,
        names: Mapping[int, str] | None = None,
        accounts: list[Account] | None = None,
    ) -> None:
        super().__init__()
        self.rules = rules
        self.opened = opened
        self.names = names or {}
        self.accounts = accounts
        self._labels: Counter[str] = Counter()

    def rule(self, call: Call) -> Any:  # noqa: ANN401  whatever the operation gives
        """Do an operation so that relevance flows back through it."""
        rule = NORMALIZE.get(call.name) or BY_NAME.get(call.name) or BY_KIND.get(call.kind)
        if rule is not None:
            return rule(self, call)
        out = call.plain()
        if any(t.requires_grad for t in tensors_in(out)):
            raise no_rule(call, "Lrp")
        return out

    def gated(self, gate: Tensor, signal: Tensor) -> Tensor:
        """Multiply a gate of a recurrent layer with what it lets pass, which takes all."""
        return signal * gate.detach()

    def split(
        self, call: Call, function: Callable[..., Tensor] | None = None, *, share: int = 1
    ) -> Tensor:
        """Do what is linear, or taken to first order.

        Parameters
        ----------
        call : Call
        function : callable or None
            What is done instead of the operation with what depends on the leaf.
        share : int
            How many tensors that depend on the leaf are multiplied with each other.
        """
        read = tuple({id(t): t for t in call.dependent}.values())
        return taken(
            read, function or call.function_of(*read), epsilon=self.rules.epsilon, share=share,
            account=self.account(call),
        )  # fmt: skip

    def through(self, call: Call, x: Tensor, z: Tensor, layer: Layer) -> Tensor:
        """Give what a layer made of x, by the rule for it."""
        name = self.rules.name_for(layer, first=self.opened and not is_behind_layer(x))
        return through_layer(x, z, layer, name, self.rules, self.account(call))

    def account(self, call: Call) -> Account | None:
        """Open an account for an operation, named by its parameters where it has any."""
        if self.accounts is None:
            return None
        owned = (self.names.get(id(t)) for t in tensors_in((call.args, call.kwargs)))
        owner = next((name for name in owned if name is not None), "")
        label = f"{owner} ({call.name})" if owner else call.name
        self._labels[label] += 1
        times = self._labels[label]
        account = Account(label=f"{label} #{times}" if times > 1 else label)
        self.accounts.append(account)
        return account

    def _check_undecided(self, call: Call) -> None:
        """Allow what was decided: one pass is explained, in which it stays as it is."""
        for tensor in tensors_in((call.args, call.kwargs)):
            known = self._decided.get(id(tensor))
            if known is not None and known[1] in FLAT:
                raise UnsupportedModelError(
                    f"The network does {call.full_name} with what {known[1]!r} gave, through which "
                    "no relevance flows. Leave the rounding out."
                )


def relevance(
    run: "Run", rules: Rules, accounts: list[Account] | None = None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return scores (rows, targets) and the relevance (targets, rows, ...) of what was opened.

    Parameters
    ----------
    run : Run
    rules : Rules
    accounts : list of Account or None
        To which the account of each operation is added, of all rows together.
    """
    opened = run.layer is None and all(s.is_floating_point() for s in run.batch.sources)
    names = {id(p): name.rpartition(".")[0] for name, p in _parameters(run.network.module)}
    parts = []
    for chunk in run.chunks(len(run), weight=_WEIGHT):
        own: list[Account] | None = None if accounts is None else []
        mode = Relevance(rules, opened=opened, names=names, accounts=own)
        done, scores = run.measured(chunk, None, own=True, mode=mode)
        _check_seen(run, scores)
        parts.append((scores.detach(), run.backward(started(scores), done.found)))
        _add(accounts, own)
    scores = torch.cat([part[0] for part in parts])
    whole = zip(*(part[1] for part in parts), strict=True)
    return scores, tuple(torch.cat(each, dim=1) for each in whole)


def _check_seen(run: "Run", scores: Tensor) -> None:
    """Refuse what is done out of sight, whose gradients would be taken for relevance."""
    name = foreign(scores)
    compiled = (
        path
        for path, part in run.network.module.named_modules()
        if isinstance(part, torch.jit.ScriptModule)
    )
    path = next(compiled, None)
    if not name and path is None:
        return
    what = f"a function of autograd of its own, {name}," if name else f"the compiled part {path!r},"
    raise UnsupportedModelError(
        f"The network uses {what} whose operations cannot be seen, so that Lrp has no rule for it. "
        "Give the network in plain operations of torch, or use IntegratedGradients, which needs "
        "gradients alone."
    )


def kept(scores: Tensor, R: tuple[Tensor, ...]) -> Floats:
    """Return what of the scores (rows, targets) did not come to where a network was opened."""
    came = [part.reshape(*part.shape[:2], -1).sum(2, dtype=torch.float64) for part in R]
    return numbers(scores - torch.stack(came).sum(0).T)


_WEIGHT = 2.0
"""Memory of a row as a share of what a pass with gradients takes."""


def _parameters(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _add(accounts: list[Account] | None, own: list[Account] | None) -> None:
    """Add accounts of some rows to those of earlier ones; the operations are the same."""
    if accounts is None or own is None:
        return
    if not accounts:
        accounts.extend(own)
        return
    for account, more in zip(accounts, own, strict=True):
        account.used |= more.used
        account.came += more.came
        account.went += more.went
        account.largest = max(account.largest, more.largest)
