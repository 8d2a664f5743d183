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
        """Count what is kept within; parameters are there anyway."""
        own = {p.untyped_storage().data_ptr() for p in self.module.parameters()}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                self.sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield
