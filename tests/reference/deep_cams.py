"""Class activation maps as the papers write them, one image and one channel at a time.

The network is given in two halves, ``body`` (image -> channels, height, width) and ``head`` (these
-> outputs), so that no layer has to be opened.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from whence.core.types import Floats

Half = Callable[[Tensor], Tensor]


def opened(body: Half, head: Half, x: Floats, output: int) -> tuple[Floats, Floats]:
    """Return activations and slopes (channels, height, width) of one image."""
    A = body(torch.from_numpy(x)[None]).detach().requires_grad_()
    (G,) = torch.autograd.grad(head(A)[0, output], A)
    return A.detach()[0].numpy(), G[0].numpy()


def grad_cam(A: Floats, G: Floats) -> Floats:
    """Return eq. 1 and 2 of Selvaraju et al. without the ReLU."""
    Z = A[0].size
    out = np.zeros(A.shape[1:])
    for A_k, G_k in zip(A, G, strict=True):
        out += G_k.sum() / Z * A_k
    return out


def grad_cam_plus_plus(A: Floats, G: Floats) -> Floats:
    """Return eq. 5 and 19 of Chattopadhay et al. for Y = exp(S), divided by exp(S)."""
    out = np.zeros(A.shape[1:])
    for A_k, G_k in zip(A, G, strict=True):
        weight = 0.0
        for g in G_k.flat:
            if g != 0:
                alpha = g**2 / (2 * g**2 + A_k.sum() * g**3)
                weight += alpha * max(g, 0.0)
        out += weight * A_k
    return out


def x_grad_cam(A: Floats, G: Floats) -> Floats:
    """Return eq. 8 of Fu et al."""
    out = np.zeros(A.shape[1:])
    for A_k, G_k in zip(A, G, strict=True):
        if A_k.sum() != 0:
            out += (A_k / A_k.sum() * G_k).sum() * A_k
    return out


def layer_cam(A: Floats, G: Floats) -> Floats:
    """Return eq. 6 and 7 of Jiang et al. without the ReLU."""
    return np.asarray(sum(np.maximum(G_k, 0) * A_k for A_k, G_k in zip(A, G, strict=True)))


def hi_res_cam(A: Floats, G: Floats) -> Floats:
    """Return eq. 4 of Draelos and Carin."""
    return np.asarray(sum(G_k * A_k for A_k, G_k in zip(A, G, strict=True)))


def eigen_cam(A: Floats) -> Floats:
    """Return the projection on the first right singular vector, by a full decomposition."""
    M = A.reshape(len(A), -1).T
    M = M - M.mean(axis=0)
    _, _, V = np.linalg.svd(M)
    out = (M @ V[0]).reshape(A.shape[1:])
    return np.asarray(-out if -out.min() > out.max() else out)


def score_cam(body: Half, score: Callable[[Tensor], Tensor], x: Floats) -> Floats:
    """Return algorithm 1 of Wang et al.; channels that are the same everywhere are left out.

    ``score`` takes images and returns one number for each.
    """
    image = torch.from_numpy(x)[None]
    A = body(image).detach()[0]
    increase, used = [], []
    base = float(score(torch.zeros_like(image)).detach())
    for k, A_k in enumerate(A):
        if A_k.max() > A_k.min():
            up = torch.nn.functional.interpolate(
                A_k[None, None], size=x.shape[-2:], mode="bilinear", align_corners=False
            )
            mask = (up - up.min()) / (up.max() - up.min())
            increase.append(float(score(image * mask).detach()) - base)
            used.append(k)
    weights = np.exp(increase) / np.exp(increase).sum()
    return np.asarray(sum(w * A[k].numpy() for w, k in zip(weights, used, strict=True)))


def ablation_cam(body: Half, head: Half, x: Floats, output: int) -> Floats:
    """Return eq. 3 and 4 of Desai and Ramaswamy, divided by the size of the score."""
    A = body(torch.from_numpy(x)[None]).detach()
    y = float(head(A)[0, output].detach())
    out = np.zeros(A.shape[2:])
    for k in range(A.shape[1]):
        without = A.clone()
        without[0, k] = 0
        out += (y - float(head(without)[0, output].detach())) / abs(y) * A[0, k].numpy()
    return out
