"""The weights of attention themselves, of every layer and head.

They say where a network looked. **They are no explanation by themselves**: other weights often give
the same output, and what is looked at need not move it (Jain and Wallace 2019); whether they tell
anything has to be tested on the network at hand (Wiegreffe and Pinter 2019). `AttentionRelevance`
weighs them by what they do to the output.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.explanation import Attribution
from whence.core.method import Explain, Rows
from whence.deep.network import Network

if TYPE_CHECKING:
    from torch import Tensor

CAVEAT = (
    "Attention says where the network looked, not what moved its output; other weights may give "
    "the same output (Jain and Wallace 2019, Wiegreffe and Pinter 2019). Compare with "
    "AttentionRelevance or IntegratedGradients before concluding anything from it."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attention:
    """The weights of attention, also where they are hidden in a fused operation.

    They are about the row and not about one output: ``outputs`` holds that of the network, or the
    predicted one. All positions are there, special tokens too, so that weights of a query add up
    to 1; padding is masked. Values do not add up to the output.

    Attributes
    ----------
    layer : int or None
        Which attention in their order, -1 the last; None: all, with ``read="tokens"`` the last.
    head : int or None
        Which head; None: all, with ``read="tokens"`` their mean.
    read : {"pairs", "tokens"}
        "pairs": values of shape (rows, layers, heads, queries, keys, 1), which
        ``wh.plots.attention`` draws. "tokens": what is attended to from where the score is read,
        of shape (rows, *players, 1), like other attributions; special tokens are no players.
    query : int, "first", "last", "mean" or None
        For "tokens": where the score is read; None finds it.

    References
    ----------
    Vaswani et al. 2017, doi:10.48550/arXiv.1706.03762; Jain and Wallace 2019,
    doi:10.18653/v1/N19-1357; Wiegreffe and Pinter 2019, doi:10.18653/v1/D19-1002.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(12, 1)).eval()
    >>> e = wh.explain(net, np.ones((1, 3, 4), np.float32), Attention())
    >>> e.values.shape, bool(np.allclose(e.values.sum(axis=4), 1))
    ((1, 1, 2, 3, 3, 1), True)
    """

    layer: int | None = None
    head: int | None = None
    read: Literal["pairs", "tokens"] = "pairs"
    query: int | Literal["first", "last", "mean"] | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = (
        "10.48550/arXiv.1706.03762", "10.18653/v1/N19-1357", "10.18653/v1/D19-1002",
    )  # fmt: skip
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        from whence.deep.engine.attention import check_query

        check_query(self.query)
        for name, value in (("layer", self.layer), ("head", self.head)):
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if value is not None and not whole:
                raise InputError(f"{name} is {value!r}. Give its number, or None for all.")
        if self.read not in ("pairs", "tokens"):
            raise InputError(f"read is {self.read!r}. Give 'pairs' or 'tokens'.")
        return self._pairs(view) if self.read == "pairs" else self._tokens(view)

    def _pairs(self, view: Network) -> Explain[Attribution]:
        import torch

        from whence.deep.engine.attention import attended, picked
        from whence.deep.engine.attention_result import pairs
        from whence.deep.engine.result import running

        def explain(rows: Rows, *, rng: Generator) -> Attribution:  # noqa: ARG001  draws nothing
            with running(view, rows, None) as run:
                parts, scores = [], []
                for piece in attended(run, "none"):
                    parts.append(picked(piece, self.layer, self.head))
                    scores.append(piece.scores)
                return pairs(run, torch.cat(parts), torch.cat(scores), (CAVEAT,))

        return explain

    def _tokens(self, view: Network) -> Explain[Attribution]:
        from whence.deep.engine.attention import Piece, picked
        from whence.deep.engine.attention_result import tokenwise

        layer = -1 if self.layer is None else self.layer

        def rule(piece: Piece, shares: "Tensor") -> "Tensor":
            weights = picked(piece, layer, self.head)[:, 0].mean(dim=1)
            return (shares[:, None] @ weights).squeeze(1)[None]

        return tokenwise(view, None, self.query, rule, warnings=(CAVEAT,))
