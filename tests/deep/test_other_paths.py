"""Other paths than the straight line are those of their papers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn

import whence as wh
from reference.deep_paths import guided, idgi
from whence.deep.methods.integrated_gradients import GuidedPath, IntegratedGradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 7))


def dense(kind: type[nn.Module] = nn.GELU) -> nn.Module:
    torch.manual_seed(0)
    parts = (nn.Linear(7, 24), kind(), nn.Linear(24, 24), kind(), nn.Linear(24, 3))
    return nn.Sequential(*parts).double()


def test_idgi_is_its_algorithm_and_adds_up_exactly() -> None:
    module, start = dense(nn.ReLU), torch.full((7,), 0.1, dtype=torch.float64)
    method = IntegratedGradients(path="idgi", steps=12, target=(0, 2), baseline=0.1)

    e = wh.explain(module, X, method)

    for output, target in enumerate((0, 2)):
        for x, said in zip(X, e.values[..., output], strict=True):
            exact = idgi(lambda z: module(z)[:, target], torch.from_numpy(x), start, 12)  # noqa: B023  used at once
            assert_allclose(said, exact, atol=1e-12)
    assert_allclose(e.residual, 0, atol=1e-12)
    assert e.provenance.evaluations == 4 * (1 + 12) + 1


def test_what_is_the_same_in_row_and_baseline_has_no_share_of_idgi() -> None:
    baseline = np.where(np.arange(7) < 3, X[0], 0.0)

    e = wh.explain(dense(), X[:1], IntegratedGradients(path="idgi", baseline=baseline))

    assert_array_equal(e.values[0, :3], 0)
    assert (e.values[0, 3:] != 0).all()
    assert_allclose(e.residual, 0, atol=1e-12)


@pytest.mark.parametrize("path", [GuidedPath(), GuidedPath(fraction=0.1, distance=0.2)])
def test_guided_gradients_are_their_algorithm(path: GuidedPath) -> None:
    module, start = dense(nn.ReLU), torch.zeros(7, dtype=torch.float64)

    e = wh.explain(module, X, IntegratedGradients(path=path, steps=20, target=(0, 1)))

    for output in (0, 1):
        for x, said in zip(X, e.values[..., output], strict=True):
            exact = guided(
                lambda z: module(z)[:, output], torch.from_numpy(x), start, 20,  # noqa: B023  used at once
                fraction=path.fraction, distance=path.distance,
            )  # fmt: skip
            assert_allclose(said, exact, atol=1e-12)


def test_a_guided_path_with_many_steps_adds_up_with_and_without_anchors() -> None:
    for path in (GuidedPath(distance=1.0), GuidedPath(distance=1.0, anchors=4)):
        e = wh.explain(dense(), X[:2], IntegratedGradients(path=path, steps=250))

        assert_allclose(e.residual, 0, atol=2e-2)


def test_a_guided_path_that_must_stay_on_the_line_is_the_straight_one() -> None:
    narrow = GuidedPath(fraction=1.0, distance=1e-9)

    e = wh.explain(dense(), X, IntegratedGradients(path=narrow, steps=250))
    straight = wh.explain(dense(), X, IntegratedGradients(tolerance=1e-4))

    assert_allclose(e.values, straight.values, atol=1e-2)


def test_of_a_linear_network_all_paths_but_idgi_agree() -> None:
    module = nn.Linear(7, 1).double()

    e = wh.explain(module, X, IntegratedGradients(path=GuidedPath(anchors=2)))

    assert_allclose(e.values[..., 0], module.weight.detach().numpy() * X, atol=1e-12)


def test_chunks_change_nothing() -> None:
    module = dense(nn.ReLU)
    for path in ("idgi", GuidedPath()):
        method = IntegratedGradients(path=path, steps=8, target="all")

        e = wh.explain(module, X, method)
        tiny = wh.explain(wh.network(module, memory=1), X, method)

        assert_allclose(tiny.values, e.values, atol=1e-10)
        assert tiny.provenance.evaluations == e.provenance.evaluations


def test_what_does_not_move_is_not_counted_by_a_guided_path() -> None:
    wide = nn.Linear(12, 7, bias=False).double()
    wide.weight.data[:, :7] = torch.eye(7)
    padded = np.concatenate([X, np.zeros((4, 5))], axis=1)
    padded[2, 7] = 1e-3  # so that rows differ in how much of them moves
    method = IntegratedGradients(path=GuidedPath(), steps=20)

    e = wh.explain(nn.Sequential(wide, dense(nn.ReLU)), padded, method)
    few = wh.explain(dense(nn.ReLU), X, method)

    assert_allclose(e.values[[0, 1, 3], :7], few.values[[0, 1, 3]], atol=1e-12)


class Twice(nn.Module):
    """Looks ids up in two tables, and multiplies what it finds along the row."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Embedding(9, 3), nn.Embedding(9, 2)

    def forward(self, ids: Tensor) -> Tensor:
        one, two = self.one(ids).sum(2), self.two(ids).sum(2)
        return torch.stack([(one + two).prod(1), one.sin().sum(1)], dim=1)


def test_from_id_to_id_it_is_what_the_output_falls_by_when_one_is_replaced() -> None:
    module, ids = Twice().double(), np.array([[1, 2, 3, 4], [0, 5, 6, 0]])

    e = wh.explain(module, ids, IntegratedGradients(path="sequential", baseline=0, target="all"))

    said = module(torch.from_numpy(ids)).detach().numpy()
    for spot in range(4):
        without = ids.copy()
        without[:, spot] = 0
        fall = said - module(torch.from_numpy(without)).detach().numpy()
        assert_allclose(e.values[:, spot], fall, atol=1e-12)
    assert_array_equal(e.values[1, [0, 3]], 0)
    assert e.provenance.evaluations == 2 + 1 + 4 + 2


def test_bad_paths_are_told() -> None:
    for path, match in (
        ("curved", "path is 'curved'"),
        (GuidedPath(fraction=0.0), "fraction is 0.0"),
        (GuidedPath(anchors=-1), "anchors is -1"),
    ):
        with pytest.raises(wh.InputError, match=match):
            wh.explain(dense(), X, IntegratedGradients(path=path))
    with pytest.raises(wh.InputError, match="from id to id"):
        wh.explain(dense(), X, IntegratedGradients(path="sequential"))
