"""How much a module makes of a row; imported when a module of torch is asked, and not before."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class Largest(TorchFunctionMode):
    """Sees the largest tensor that the operations of a pass make of its rows.

    Attributes
    ----------
    bytes : int
        Its size, of all rows together.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 10)
    >>> with Largest(rows=2) as seen:
    ...     _ = layer(torch.zeros(2, 3))
    >>> seen.bytes
    80
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.bytes = 0
        self._rows = rows

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  of any operation
        """Do an operation, and note the size of what it made."""
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(one, Tensor) and one.numel() % self._rows == 0:  # else no rows are in it
                self.bytes = max(self.bytes, one.numel() * one.element_size())
        return made
