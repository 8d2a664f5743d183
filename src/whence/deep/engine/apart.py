"""Attention and gated units, taken apart into the operations that they are made of.

The functions do what those of torch of the same name do, and take the same arguments.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from whence.core.errors import UnsupportedModelError


def glu(input: Tensor, dim: int = -1) -> Tensor:  # noqa: A002  as torch calls it
    """Do what ``torch.nn.functional.glu`` does."""
    signal, gate = input.chunk(2, dim=dim)
    return signal * torch.sigmoid(gate)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001  networks are held in evaluation mode
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Do what ``torch.nn.functional.scaled_dot_product_attention`` does."""
    if enable_gqa:
        times = query.size(-3) // key.size(-3)
        key, value = key.repeat_interleave(times, -3), value.repeat_interleave(times, -3)
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        shape = (query.size(-2), key.size(-2))
        attn_mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
    if attn_mask is None:
        return torch.softmax(scores, dim=-1) @ value
    if attn_mask.dtype != torch.bool:
        return torch.softmax(scores + attn_mask, dim=-1) @ value
    nothing = ~attn_mask.any(dim=-1, keepdim=True)  # a query that may look nowhere gets zeros
    scores = scores.masked_fill(~(attn_mask | nothing), -math.inf)
    return torch.softmax(scores, dim=-1).masked_fill(nothing, 0.0) @ value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Heads:
    """Arguments of ``torch.nn.functional.multi_head_attention_forward``, as it names them."""

    query: Tensor
    key: Tensor
    value: Tensor
    embed_dim_to_check: int
    num_heads: int
    in_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    add_zero_attn: bool
    dropout_p: float
    out_proj_weight: Tensor
    out_proj_bias: Tensor | None
    training: bool = True
    key_padding_mask: Tensor | None = None
    need_weights: bool = True
    attn_mask: Tensor | None = None
    use_separate_proj_weight: bool = False
    q_proj_weight: Tensor | None = None
    k_proj_weight: Tensor | None = None
    v_proj_weight: Tensor | None = None
    static_k: Tensor | None = None
    static_v: Tensor | None = None
    average_attn_weights: bool = True
    is_causal: bool = False

    def projected(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, (times, rows, numbers)."""
        if self.in_proj_weight is None or self.use_separate_proj_weight:
            weights: Any = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        else:
            weights = self.in_proj_weight.chunk(3)
        biases: Any = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        read = (self.query, self.key, self.value)
        q, k, v = (
            functional.linear(part, weight, bias)
            for part, weight, bias in zip(read, weights, biases, strict=True)
        )
        return q, k, v

    def mask(self, rows: int, keys: int) -> Tensor | None:
        """Return what is added to the scores, (rows, 1 or heads, 1 or queries, keys)."""
        total = None
        if self.attn_mask is not None:
            total = _added(self.attn_mask, self.query)
            if total.ndim == 3:  # noqa: PLR2004  one per row and head
                total = total.view(rows, self.num_heads, *total.shape[1:])
        if self.key_padding_mask is not None:
            padding = _added(self.key_padding_mask, self.query).view(rows, 1, 1, keys)
            total = padding if total is None else total + padding
        return total


def _added(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as what is added to scores; True of a boolean one is masked."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, -math.inf)


def multi_head(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:  # noqa: ANN401  as torch has them
    """Do what ``torch.nn.functional.multi_head_attention_forward`` does.

    Raises
    ------
    UnsupportedModelError
        If keys are added or given, which is not taken apart.
    """
    names = tuple(field.name for field in fields(_Heads))
    given = _Heads(**dict(zip(names, args, strict=False)), **kwargs)
    added = (given.bias_k, given.bias_v, given.static_k, given.static_v)
    if given.add_zero_attn or any(part is not None for part in added):
        raise UnsupportedModelError(
            "The network uses MultiheadAttention with add_bias_kv, add_zero_attn or static keys, "
            "which is not taken apart. Use IntegratedGradients, which needs gradients alone."
        )
    single = given.query.ndim == 2  # noqa: PLR2004  without an axis of rows
    q, k, v = (part.unsqueeze(1) if single else part for part in given.projected())
    times, rows, width = q.shape
    each = width // given.num_heads
    q, k, v = (part.view(len(part), rows, given.num_heads, each) for part in (q, k, v))
    q, k, v = (part.permute(1, 2, 0, 3) for part in (q, k, v))
    scores = (q * (1 / math.sqrt(each))) @ k.transpose(-2, -1)
    mask = given.mask(rows, k.shape[2])
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    out = (weights @ v).permute(2, 0, 1, 3).reshape(times, rows, width)
    out = functional.linear(out, given.out_proj_weight, given.out_proj_bias)
    if not given.need_weights:
        return (out.squeeze(1) if single else out), None
    weights = weights.mean(dim=1) if given.average_attn_weights else weights
    return (out.squeeze(1), weights.squeeze(0)) if single else (out, weights)


APART: Final[dict[str, Callable[..., Any]]] = {
    "glu": glu,
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": multi_head,
}
"""By name, what does the same by operations of other kinds."""
