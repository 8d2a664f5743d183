"""Attention weighed by what it does to the output, carried through all layers.

Weights count as far as their slope raises the score: each layer adds mean over heads of (G * A)^+
times the relevance so far, G being the slope of the score by the weights A. Unlike attention alone
it depends on which output is explained. Evidence against an output is left out, so that no value is
negative and none adds up to the output. It costs a pass forward and one back per target.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from whence.core.explanation import Attribution
from whence.core.method import Explain
from whence.deep.network import Network
from whence.deep.target import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttentionRelevance:
    """The relevance of tokens or patches by attention and its slopes.

    Encoders are followed by R <- R + A R, a decoder by the rules for attention to something else;
    a decoder is known by its length, which must be another than that of the encoder. What a token
    holds of itself by residual connections alone is left out, and so is what special tokens get.

    Attributes
    ----------
    target : int, str, Contrast, tuple, callable or None
        Which output; see `whence.deep.target.Target`. None: the one output, or the predicted one
        of each row.
    query : int, "first", "last", "mean" or None
        Where the score is read; None finds it. ``provenance.settings["query"]`` says it.

    References
    ----------
    Chefer, Gur and Wolf 2021, doi:10.1109/ICCV48922.2021.00045.

    Examples
    --------
    >>> import numpy as np, torch, whence as wh
    >>> layer = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    >>> net = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
    >>> X = np.random.default_rng(0).random((1, 3, 4), np.float32)
    >>> e = wh.explain(net, X, AttentionRelevance(target="all"))
    >>> e.values.shape, bool((e.values >= 0).all())
    ((1, 3, 2), True)
    """

    target: Target = None
    query: int | Literal["first", "last", "mean"] | None = None

    needs: ClassVar[type] = Network
    references: ClassVar[tuple[str, ...]] = ("10.1109/ICCV48922.2021.00045",)
    fewest: ClassVar[int] = 32

    def bind(self, view: Network) -> Explain[Attribution]:
        """Check the settings and return the function that explains rows.

        Raises
        ------
        InputError
            If a setting cannot be used.
        """
        from whence.deep.engine.attention import Piece
        from whence.deep.engine.attention_result import tokenwise
        from whence.deep.engine.attention_rules import read_relevance

        def rule(piece: Piece, shares: "Tensor") -> "Tensor":
            return read_relevance(piece.weights, piece.slopes, shares)

        return tokenwise(view, self.target, self.query, rule, by_slopes=True)
