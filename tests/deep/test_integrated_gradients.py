"""Integrated gradients are the integral, to the tolerance asked for, and add up."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the name that everybody knows

import whence as wh
from reference.deep_paths import riemann
from whence.core.types import Floats
from whence.deep.engine.quadrature import midpoints, patterson, thirds
from whence.deep.methods.integrated_gradients import IntegratedGradients

RNG = np.random.default_rng(0)


class Of(nn.Module):
    """A function of rows, as a module."""

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def dense(kind: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    act = {"relu": nn.ReLU, "in place": lambda: nn.ReLU(inplace=True), "gelu": nn.GELU}[kind]
    parts = (nn.Linear(6, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, 3))
    return nn.Sequential(*parts).double().eval()


class Convolutional(nn.Module):
    """A residual block with functional operations, a used-again layer and pooling."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.again = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.norm(self.first(x)))
        x = F.max_pool2d(x + F.relu(self.again(x)), 2)
        return self.head(F.relu(self.again(x)).mean((2, 3)))


X = RNG.normal(size=(5, 6))
IMAGES = RNG.random((3, 3, 8, 8))


def size(values: Floats) -> Floats:
    """Return the root of the sum of squares of each row."""
    return np.linalg.norm(values.reshape(len(values), -1), axis=1)


def judged(module: nn.Module, rows: Floats, target: Floats, b: float = 0.0) -> Floats:
    """Return the naive integral of each row."""
    found = []
    for x, t in zip(torch.from_numpy(rows), target, strict=True):
        start = torch.full_like(x, b)
        found.append(riemann(lambda z, t=int(t): module(z)[:, t], x, start, 400))
    return np.stack(found)


def test_rules_are_nested_and_of_their_degrees() -> None:
    nodes, rules = patterson()

    for rule, count, degree in zip(rules, (1, 3, 7, 15, 31), (1, 5, 11, 23, 47), strict=True):
        assert_array_equal(rule[count:], 0)
        assert (rule[:count] > 0).all()
        for power in range(degree + 1):
            assert_allclose(rule @ nodes**power, 1 / (power + 1), rtol=1e-13)
    both = np.sort([*midpoints(9), *thirds(9)])
    assert_allclose(both, midpoints(27), rtol=1e-14)


def test_of_a_linear_network_it_is_weight_times_way() -> None:
    module = nn.Linear(6, 1).double()

    e = wh.explain(module, X, IntegratedGradients(baseline=0.5))

    weight = module.weight.detach().numpy()[0]
    assert_allclose(e.values[..., 0], weight * (X - 0.5), rtol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-12)
    assert_allclose(e.stderr, 0, atol=1e-12)
    assert e.provenance.evaluations == 5 * (1 + 7) + 1


def test_of_a_product_and_a_form_it_is_the_closed_form() -> None:
    A = RNG.normal(size=(6, 6))
    A = torch.from_numpy(A + A.T)
    b = X[0]
    rows = X[1:]

    quadratic = wh.explain(
        Of(lambda x: ((x @ A) * x).sum(1)), rows, IntegratedGradients(baseline=b)
    )
    product = wh.explain(Of(lambda x: x.prod(1)), rows[:, :3], IntegratedGradients())

    assert_allclose(quadratic.values[..., 0], ((rows + b) @ A.numpy()) * (rows - b), rtol=1e-10)
    assert_allclose(product.values[..., 0], np.repeat(rows[:, :3].prod(1)[:, None] / 3, 3, 1))


@pytest.mark.parametrize("kind", ["relu", "in place", "gelu"])
@pytest.mark.parametrize("tolerance", [0.2, 0.02])
def test_values_are_the_integral_to_the_tolerance(kind: str, tolerance: float) -> None:
    module = dense(kind)

    e = wh.explain(module, X, IntegratedGradients(tolerance=tolerance, budget=900, baseline=0.1))

    exact = judged(module, X, e.target[:, 0], b=0.1)
    error = size(e.values[..., 0] - exact)
    assert e.converged.all()
    assert (error <= 1.5 * tolerance * size(exact)).all()
    assert (error <= 2.5 * size(e.stderr) + 1e-3 * size(exact)).all()
    least = np.maximum(np.abs(e.outputs - e.base_values)[:, 0], size(e.values))
    assert (np.abs(e.residual)[:, 0] <= 0.2 * tolerance * least + 1e-12).all()


def test_a_smooth_network_takes_fifteen_gradients_and_one_of_relu_more() -> None:
    smooth = wh.explain(dense("gelu"), X, IntegratedGradients())
    kinked = wh.explain(dense("relu"), X, IntegratedGradients())

    assert smooth.provenance.evaluations <= 5 * (2 + 15)
    assert kinked.provenance.evaluations > 5 * (2 + 15)


def test_images_through_functional_and_used_again_parts() -> None:
    module = Convolutional().double().eval()

    e = wh.explain(module, IMAGES, IntegratedGradients(tolerance=0.01, budget=900))

    exact = judged(module, IMAGES, e.target[:, 0]).sum(1)
    assert e.values.shape == (3, 8, 8, 1)
    assert (size(e.values[..., 0] - exact) < 0.02 * size(exact)).all()


def test_rows_chunks_and_batches_change_nothing() -> None:
    module = Convolutional().double().eval()
    target = (0, "predicted", wh.Contrast(of=1, against=2))
    method, images = IntegratedGradients(target=target, budget=50), IMAGES[:2]

    e = wh.explain(module, images, method)
    tiny = wh.explain(wh.network(module, memory=1), images, method)
    some = wh.explain(wh.network(module, memory=300_000), images, method)
    alone = wh.explain(module, images[1:], method)

    for other in (tiny, some):
        assert_allclose(other.values, e.values, atol=1e-10)
        assert other.provenance.evaluations == e.provenance.evaluations
    assert_allclose(alone.values, e.values[1:], atol=1e-10)


def test_targets_are_explained_each() -> None:
    module = dense("gelu")

    e = wh.explain(module, X, IntegratedGradients(target="all", tolerance=0.001))

    for target in range(3):
        exact = judged(module, X, np.full(5, target))
        assert_allclose(e.values[..., target], exact, atol=2e-4)


def test_the_mean_over_baselines_is_complete() -> None:
    module = dense("gelu")
    both = (np.array(0.0), X[0])

    e = wh.explain(module, X[1:], IntegratedGradients(baseline=both, target=0))
    each = [wh.explain(module, X[1:], IntegratedGradients(baseline=b, target=0)) for b in both]

    assert_allclose(e.values, (each[0].values + each[1].values) / 2, rtol=1e-12)
    assert_allclose(e.base_values, (each[0].base_values + each[1].base_values) / 2)
    assert_allclose(e.residual, 0, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_numbers_give_the_same(dtype: torch.dtype) -> None:
    module = Convolutional().eval()
    exact = wh.explain(Convolutional().double().eval(), IMAGES, IntegratedGradients(target=0))

    e = wh.explain(module.to(dtype), IMAGES, IntegratedGradients(target=0))

    assert e.values.dtype == np.float64
    allowed = 1e-4 if dtype == torch.float32 else 0.3
    assert (size(e.values - exact.values) < allowed * size(exact.values)).all()


def test_behind_a_layer_the_path_is_in_its_activations() -> None:
    module = dense("gelu")

    e = wh.explain(module, X, IntegratedGradients(layer="1", target=0, tolerance=1e-3))

    inner = module[:2](torch.from_numpy(X)).detach()
    start = module[:2](torch.zeros(1, 6, dtype=torch.float64)).detach()[0]
    exact = [riemann(lambda z: module[2:](z)[:, 0], x, start, 200) for x in inner]
    assert_allclose(e.values[..., 0], exact, atol=1e-4)


class Recurrent(nn.Module):
    """Reads ids with an LSTM, and says one number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.cell = nn.Embedding(20, 4), nn.LSTM(4, 5, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        return self.cell(self.table(ids))[0][:, -1, 0]


def test_ids_are_explained_through_their_vectors() -> None:
    module, ids = Recurrent().double(), RNG.integers(1, 20, (2, 5))

    e = wh.explain(module, ids, IntegratedGradients(baseline=0, tolerance=1e-3))

    table = module.table.weight.detach()
    for row, said in zip(ids, e.values[..., 0], strict=True):
        vectors = table[torch.from_numpy(row)]
        exact = riemann(
            lambda z: module.cell(z)[0][:, -1, 0], vectors, table[torch.zeros(5, dtype=int)], 100
        )
        assert_allclose(said, exact.sum(1), atol=1e-5)
    assert_allclose(e.residual, 0, atol=1e-5)


def test_a_given_number_of_steps_is_kept() -> None:
    module = dense("gelu")

    e = wh.explain(module, X, IntegratedGradients(steps=40))

    assert_allclose(e.values[..., 0], judged(module, X, e.target[:, 0]), atol=1e-5)
    assert e.provenance.evaluations == 5 * 41 + 1
    assert e.stderr is None
    assert e.converged is None


def test_the_budget_is_kept_and_what_is_not_settled_is_said() -> None:
    e = wh.explain(dense("relu"), X, IntegratedGradients(tolerance=1e-6, budget=60))

    assert e.provenance.evaluations <= 5 * 60
    assert not e.converged.any()
    assert "Not converged" in e.provenance.warnings[0]


def test_a_row_that_is_the_baseline_has_no_values() -> None:
    e = wh.explain(dense("relu"), X[:1], IntegratedGradients(baseline=X[0]))

    assert_array_equal(e.values, 0)
    assert e.converged.all()


def test_flat_probabilities_are_warned_of() -> None:
    module = nn.Linear(6, 1).double()
    module.bias.data.fill_(12.0)

    e = wh.explain(module, X * 0.1, IntegratedGradients(), output="probability")

    assert "hardly moves" in e.provenance.warnings[-1]


LARGE = """
import numpy as np, resource, torch, whence as wh
from torch import nn
from whence.deep.methods.integrated_gradients import IntegratedGradients

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
        )
    def forward(self, x):
        return torch.relu(x + self.inner(x))

net = nn.Sequential(
    nn.AvgPool2d(8), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), Block(8), nn.MaxPool2d(2), Block(8),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
).eval()
X = np.random.default_rng(0).random((1, 1, 512, 512), dtype=np.float32)
e = wh.explain(net, X, IntegratedGradients(steps=200))
assert e.values.shape == (1, 512, 512, 1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_large_image_with_two_hundred_steps_fits_two_gigabytes() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], check=True, capture_output=True, text=True)

    assert int(done.stdout) * 1024 < 2e9


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"budget": 8}, "budget is 8"),
        ({"steps": 0}, "steps is 0"),
        ({"baseline": "black"}, "baseline is 'black'"),
        ({"layer": "9"}, "layer is '9'"),
        ({"target": 1.5}, "target is 1.5"),
    ],
)
def test_bad_settings_are_told(setting: dict[str, object], match: str) -> None:
    with pytest.raises(wh.InputError, match=match):
        wh.explain(dense("relu"), X, IntegratedGradients(**setting))
