"""How much memory a pass keeps for the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(slots=True, eq=False)
class Kept:
    """Counts the bytes that a pass keeps for the way back, each storage once."""

    module: nn.Module
    sizes: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The bytes kept so far."""
        return sum(self.sizes.values())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what is kept within; parameters are there anyway.

        Who keeps tensors by a hook takes over to see that none is written to afterwards, which
        torch itself then does not.
        """
        own = {p.untyped_storage().data_ptr() for p in self.module.parameters()}

        def keep(tensor: Tensor) -> tuple[Tensor, int]:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                self.sizes[storage.data_ptr()] = storage.nbytes()
            return tensor.detach(), tensor._version  # noqa: SLF001  torch has no other name for it

        with torch.autograd.graph.saved_tensors_hooks(keep, _unchanged):
            yield


def _unchanged(kept: tuple[Tensor, int]) -> Tensor:
    """Return a tensor as it was kept."""
    tensor, version = kept
    if tensor._version != version:  # noqa: SLF001  as above
        raise RuntimeError(
            f"a tensor of shape {tuple(tensor.shape)} that is needed for the gradient has been "
            "modified by an inplace operation."
        )
    return tensor
