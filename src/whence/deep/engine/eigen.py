"""The first principal component of the channels of a layer."""

import torch
from torch import Tensor


def first_component(A: Tensor) -> Tensor:
    """Return the cells along the direction of channels in which they differ most.

    With M the cells by channels, less the mean of each channel, that is ``M v`` with ``v`` the
    first right singular vector. It follows from the smaller of the two Gram matrices, all rows at
    once, and no matrix of all channels is decomposed for a map of a few cells.

    Parameters
    ----------
    A : tensor of shape (rows, channels, cells)

    Returns
    -------
    Tensor of shape (rows, cells)
        With the sign by which the largest magnitude is above zero.

    Examples
    --------
    >>> first_component(torch.tensor([[[1.0, 2.0, 6.0]]]))
    tensor([[-2., -1.,  3.]])
    """
    M = A - A.mean(dim=2, keepdim=True)
    if M.shape[1] < M.shape[2]:
        vector = torch.linalg.eigh(M @ M.mT).eigenvectors[..., -1]
        found = (vector[:, None] @ M)[:, 0]
    else:
        pairs = torch.linalg.eigh(M.mT @ M)
        found = pairs.eigenvectors[..., -1] * pairs.eigenvalues[..., -1:].clamp(min=0).sqrt()
    down = -found.amin(dim=1, keepdim=True) > found.amax(dim=1, keepdim=True)
    return torch.where(down, -found, found)
