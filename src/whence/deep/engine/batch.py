"""Rows as a module reads them: tensors by position and by name, rows along their first axis."""

from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from torch import Tensor

Key: TypeAlias = int | str
"""An argument of the module's forward: its position, or its name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """The arguments of one call.

    Attributes
    ----------
    args : tuple of tensors of shape (rows, ...)
    kwargs : dict of str to tensor of shape (rows, ...)
    explained : tuple of int or str
        Which of them the explanation is about; the others stay as they are.

    Examples
    --------
    >>> import torch
    >>> batch = Batch(args=(torch.arange(3.0)[:, None],), kwargs={}, explained=(0,))
    >>> batch.take(torch.tensor([2, 2])).sources[0].flatten()
    tensor([2., 2.])
    """

    args: tuple[Tensor, ...]
    kwargs: dict[str, Tensor]
    explained: tuple[Key, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.sources[0])

    def __getitem__(self, key: Key) -> Tensor:
        """Return one argument."""
        return self.args[key] if isinstance(key, int) else self.kwargs[key]

    @property
    def sources(self) -> tuple[Tensor, ...]:
        """The arguments that are explained."""
        return tuple(self[key] for key in self.explained)

    def take(self, rows: Tensor | slice) -> Self:
        """Return some rows, also several times."""
        return replace(
            self,
            args=tuple(part[rows] for part in self.args),
            kwargs={key: part[rows] for key, part in self.kwargs.items()},
        )

    def put(self, values: tuple[Tensor, ...]) -> Self:
        """Return the batch with other values for what is explained."""
        new = dict(zip(self.explained, values, strict=True))
        return replace(
            self,
            args=tuple(new.get(i, part) for i, part in enumerate(self.args)),
            kwargs={key: new.get(key, part) for key, part in self.kwargs.items()},
        )
