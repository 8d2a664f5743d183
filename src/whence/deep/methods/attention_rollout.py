"""Attention carried through all layers: rollout, and flow.

What a position of the last layer holds of the tokens, if each layer mixes what the one before gave
by its weights, and hands half of it on by its residual connection. Values and the layers between
are left out, so that **neither is an explanation by itself**: the caveat of `Attention` holds.
Neither depends on which output is explained.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain
from whence.deep.network import Network

if TYPE_CHECKING:
    from torch import Tensor

_CAVEAT = (
    "Attention carried through layers says where the network looked, not what moved its output "
    "(Jain and Wallace 2019, Wiegreffe and Pinter 2019), and is the same for every output. Compare "
    "with AttentionRelevance or IntegratedGradients before concluding anything from it."
)
_HEADS = ("mean", "max", "min")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionRollout:
    """The product over layers of 0.5 A + 0.5 I, read where the network reads its score.

    Values of all positions add up to 1, not to the output; what special tokens get is left out.
    It costs a pass forward, and back through the last layer where ``query`` is None.

    Attributes
    ----------
    heads : {"mean", "max", "min"}
        What is made of the heads of a layer.
    discard : float
        Share of the smallest weights of each layer that are put to 0; from 0 to less than 1.
    query : int, "first", "last", "mean" or None
        Where the score is read; None finds it. ``provenance.settings["query"]`` says it.

    References
    ----------
    Abnar and Zuidema 2020, doi:10.18653/v1/2020.acl-main.385.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(12, 1)).eval()
    >>> e = wh.explain(net, np.ones((1, 3, 4), np.float32), AttentionRollout())
    >>> bool(np.allclose(e.values.sum(), 1))
    True
    """

    heads: Literal["mean", "max", "min"] = "mean"
    discard: float = 0.0
    query: int | Literal["first", "last", "mean"] | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.18653/v1/2020.acl-main.385", "10.18653/v1/N19-1357", "10.18653/v1/D19-1002",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        from whence.deep.engine.attention import Piece, square
        from whence.deep.engine.attention_result import tokenwise
        from whence.deep.engine.attention_rules import carried, rollout

        _check(self.heads, self.discard)

        def rule(piece: Piece, shares: "Tensor") -> "Tensor":
            layers = tuple(
                carried(one, self.heads, self.discard) for one in square(piece, "AttentionRollout")
            )
            return (shares[:, None] @ rollout(layers)).squeeze(1)[None]

        return tokenwise(view, None, self.query, rule, warnings=(_CAVEAT,))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionFlow:
    """The largest flow from where the score is read to each token, weights being capacities.

    Pipes are those of `AttentionRollout`, 0.5 A + 0.5 I. A flow is found for each token, each
    through layers x tokens^2 pipes: about a second for 64 tokens and 6 layers, and eight times as
    long for twice as many tokens. Where the score is read from several positions, it takes from
    each its share at most.

    Attributes
    ----------
    heads : {"mean", "max", "min"}
        What is made of the heads of a layer.
    query : int, "first", "last", "mean" or None
        Where the score is read; None finds it.

    References
    ----------
    Abnar and Zuidema 2020, doi:10.18653/v1/2020.acl-main.385.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(12, 1)).eval()
    >>> e = wh.explain(net, np.ones((1, 3, 4), np.float32), AttentionFlow(query="first"))
    >>> e.values.shape
    (1, 3, 1)
    """

    heads: Literal["mean", "max", "min"] = "mean"
    query: int | Literal["first", "last", "mean"] | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = AttentionRollout.references
    fewest: ClassVar[int] = 1

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        from whence.deep.engine.attention import Piece, square
        from whence.deep.engine.attention_result import tokenwise
        from whence.deep.engine.attention_rules import carried, flow

        _check(self.heads, 0.0)

        def rule(piece: Piece, shares: "Tensor") -> "Tensor":
            layers = tuple(carried(one, self.heads, 0.0) for one in square(piece, "AttentionFlow"))
            return flow(layers, shares)[None]

        return tokenwise(view, None, self.query, rule, warnings=(_CAVEAT,))


def _check(heads: object, discard: object) -> None:
    if heads not in _HEADS:
        raise InputError(f"heads is {heads!r}. Give 'mean', 'max' or 'min'.")
    number = isinstance(discard, (int, float, np.floating)) and not isinstance(discard, bool)
    if not number or not 0 <= float(discard) < 1:  # type: ignore[arg-type]  # a number, just seen
        raise InputError(f"discard is {discard!r}. Give a share from 0 to less than 1.")
