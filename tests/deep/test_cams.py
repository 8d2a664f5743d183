"""Class activation maps are those of the papers, at the layer that is found or named."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.nn import functional

import whence as wh
from reference import deep_cams as paper
from whence.core.method import Method
from whence.core.types import Floats
from whence.deep.engine.eigen import first_component
from whence.deep.engine.grids import Extent, Grid, grid_of
from whence.deep.methods.ablation_cam import AblationCam
from whence.deep.methods.cams import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from whence.deep.methods.eigen_cam import EigenCam
from whence.deep.methods.score_cam import ScoreCam
from whence.deep.network import Network
from whence.deep.sharing import one_sweep
from whence.deep.target import Target

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 3, 12, 16))


class Cam(Protocol):
    """A method; called, one with other settings."""

    def __call__(
        self,
        *,
        target: Target = None,
        layer: str | tuple[str, ...] | None = None,
        relu: bool = False,
    ) -> Method[Network, wh.Attribution]: ...


BY_SLOPE: list[tuple[Cam, Callable[[Floats, Floats], Floats]]] = [
    (GradCam, paper.grad_cam),
    (GradCamPlusPlus, paper.grad_cam_plus_plus),
    (XGradCam, paper.x_grad_cam),
    (LayerCam, paper.layer_cam),
    (HiResCam, paper.hi_res_cam),
]
ALL: list[Cam] = [*(method for method, _ in BY_SLOPE), EigenCam, ScoreCam, AblationCam]


def called(part: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """Call a module, which torch does not say the result of."""
    out: Tensor = part(x)
    return out


class Small(nn.Module):
    """Two convolutions, whose ReLU is a module used twice, one working in place, or a function."""

    def __init__(self, form: str = "module", seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.form = form
        self.first = nn.Conv2d(3, 5, 3, padding=1)
        self.second = nn.Conv2d(5, 6, 3, padding=1)
        self.act = nn.ReLU(inplace=form == "in place")
        self.hidden, self.head = nn.Linear(6 * 24, 7), nn.Linear(7, 4)
        self.double().eval()

    def relu(self, x: Tensor) -> Tensor:
        if self.form == "function in place":
            return x.relu_()
        done: Tensor = functional.relu(x) if self.form == "function" else self.act(x)
        return done

    def body(self, x: Tensor) -> Tensor:
        maps: Tensor = self.second(functional.max_pool2d(self.relu(self.first(x)), 2))
        return maps

    def top(self, x: Tensor) -> Tensor:
        pooled = functional.interpolate(functional.avg_pool2d(self.relu(x), 2), size=(4, 6))
        said: Tensor = self.head(self.relu(self.hidden(pooled.flatten(1))))
        return said

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.body(x))


FORMS = ["module", "in place", "function", "function in place"]


def explained(
    model: nn.Module, X: Floats, method: Method[Network, wh.Attribution]
) -> wh.Attribution:
    """Explain images by the method itself, whose record names the layer that was found."""
    network = Network.of(model)
    rows = network.rows(wh.images_of(X), None)
    return method.bind(network)(rows, rng=np.random.default_rng(0))


def layer_found(model: nn.Module, X: Floats) -> object:
    return explained(model, X, GradCam()).provenance.settings["layer"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("method", "formula"), BY_SLOPE)
def test_maps_are_those_of_the_papers(
    method: Cam, formula: Callable[[Floats, Floats], Floats], form: str
) -> None:
    model = Small(form)

    e = wh.explain(model, IMAGES, method(target=(2, 0), layer="second"))

    for i, x in enumerate(IMAGES):
        for k, output in enumerate((2, 0)):
            A, G = paper.opened(model.body, lambda A: model.top(A.clone()), x, output)
            assert_allclose(e.values[i, ..., k], formula(A, G), atol=1e-13)
    said = model(torch.from_numpy(IMAGES)).detach().numpy()
    assert_allclose(e.outputs, said[:, [2, 0]])
    assert not e.base_values.any()


@pytest.mark.parametrize("form", FORMS)
def test_maps_without_slopes_are_those_of_the_papers(form: str) -> None:
    model = Small(form)

    def score(images: Tensor) -> Tensor:
        return called(model, images)[:, 1]

    eigen, shown, taken = (
        wh.explain(model, IMAGES, method(target=1, layer="second"))
        for method in (EigenCam, ScoreCam, AblationCam)
    )

    for i, x in enumerate(IMAGES):
        A = model.body(torch.from_numpy(x)[None]).detach()[0].numpy()
        top = lambda A: model.top(A.clone())  # noqa: E731  short and local
        assert_allclose(eigen.values[i, ..., 0], paper.eigen_cam(A), atol=1e-12)
        assert_allclose(shown.values[i, ..., 0], paper.score_cam(model.body, score, x), atol=1e-12)
        assert_allclose(
            taken.values[i, ..., 0], paper.ablation_cam(model.body, top, x, 1), atol=1e-12
        )


@pytest.mark.parametrize("channels", [2, 5, 40])
def test_a_component_has_the_sign_of_its_largest_magnitude(channels: int) -> None:
    A = RNG.normal(size=(6, channels, 12))

    found = first_component(torch.from_numpy(A)).numpy()
    negated = first_component(torch.from_numpy(-A)).numpy()

    assert_allclose(found, negated, atol=1e-12)
    for one, own in zip(found, A, strict=True):
        assert_allclose(one, paper.eigen_cam(own[:, None])[0], atol=1e-12)


def pooled(channels: int = 5) -> nn.Sequential:
    """Make a network whose maps are averaged before one linear layer without bias."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, channels, 3, stride=2), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3, bias=False),
    ).double().eval()  # fmt: skip


def test_before_an_average_and_a_linear_layer_maps_are_its_own_weights() -> None:
    model = pooled()
    A = model[:4](torch.from_numpy(IMAGES)).detach().numpy()
    weights = model.get_parameter("6.weight").detach().numpy()
    own = np.einsum("ok,nkhw->nhwo", weights, A) / A[0, 0].size

    grad, hires, x_grad = (
        wh.explain(model, IMAGES, method(target="all")) for method in (GradCam, HiResCam, XGradCam)
    )

    assert_allclose(grad.values, own, atol=1e-14)
    assert_allclose(hires.values, own, atol=1e-14)
    assert_allclose(x_grad.values, own, atol=1e-14)
    assert_allclose(hires.residual, 0, atol=1e-14)


def test_the_paper_of_grad_cam_plus_plus_takes_the_exponential_of_the_score() -> None:
    model = Small()
    plain = wh.explain(model, IMAGES, GradCamPlusPlus(target=0, layer="second"))
    A, _ = paper.opened(model.body, lambda A: model.top(A.clone()), IMAGES[0], 0)

    A_leaf = torch.from_numpy(A)[None].requires_grad_()
    Y = model.top(A_leaf.clone())[0, 0].exp()
    (D,) = torch.autograd.grad(Y, A_leaf)
    first = D / Y  # the derivatives of exp(S) are exp(S) times powers of that of S, S being linear
    alpha = (Y * first**2) / (2 * Y * first**2 + A_leaf.sum((2, 3), True) * Y * first**3)
    weights = (alpha.nan_to_num() * D.clamp(min=0)).sum((2, 3))
    expected = torch.einsum("nk,nkhw->hw", weights, A_leaf).detach().numpy()

    assert_allclose(plain.values[0, ..., 0] * Y.detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("method", ALL)
def test_relu_keeps_what_is_above_zero_and_nothing_else_is_done(method: Cam) -> None:
    signed = wh.explain(Small(), IMAGES, method(layer="second"))
    positive = wh.explain(Small(), IMAGES, method(layer="second", relu=True))

    assert signed.values.min() < 0 or method is LayerCam  # a ReLU follows: no slope below zero
    assert_array_equal(positive.values, np.maximum(signed.values, 0))


@pytest.mark.parametrize("method", ALL)
def test_any_memory_and_any_company_of_rows_give_the_same(method: Cam) -> None:
    model, setting = Small(), method(target=("predicted", wh.Contrast(of=0, against=2)))

    whole = wh.explain(model, IMAGES, setting)
    tight = wh.explain(wh.network(model, memory=5_000), IMAGES, setting)
    alone = [wh.explain(model, IMAGES[i : i + 1], setting) for i in range(3)]

    assert_allclose(tight.values, whole.values, atol=1e-12)
    assert_allclose(np.concatenate([e.values for e in alone]), whole.values, atol=1e-12)
    assert_allclose(tight.outputs, whole.outputs, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", ALL)
def test_a_network_of_low_precision_gives_nearly_the_same(method: Cam, dtype: torch.dtype) -> None:
    exact = wh.explain(pooled(), IMAGES, method(target=1))
    low = wh.explain(pooled().to(dtype), IMAGES, method(target=1))

    size = np.abs(exact.values).max()
    assert_allclose(low.values, exact.values, atol=(1e-5 if dtype is torch.float32 else 0.1) * size)


def test_several_layers_are_averaged_over_the_cells_of_the_finest() -> None:
    model = Small()

    both = wh.explain(model, IMAGES, LayerCam(target=0, layer=("second", "first")))
    each = [wh.explain(model, IMAGES, LayerCam(target=0, layer=n)) for n in ("first", "second")]

    coarse = torch.from_numpy(each[1].values[..., 0])[None]
    finer = functional.interpolate(coarse, size=(12, 16), mode="bilinear")[0].numpy()
    assert_allclose(both.values[..., 0], (each[0].values[..., 0] + finer) / 2, atol=1e-13)


def test_one_sweep_serves_all_maps_of_the_same_rows_and_no_others() -> None:
    model, other = Small(), Small(seed=5)
    methods = [method(target=1) for method in ALL]
    apart = [wh.explain(model, IMAGES, method) for method in methods]

    with one_sweep():
        together = [wh.explain(model, IMAGES, method) for method in methods]
        changed = wh.explain(model, IMAGES + 0.1, methods[0])
        another = wh.explain(other, IMAGES, methods[0])
        of_two = wh.explain(model, IMAGES, GradCam(target=2))
    after = wh.explain(model, IMAGES, methods[0])

    for one, same in zip(apart, together, strict=True):
        assert_allclose(same.values, one.values, atol=1e-14)
        assert_array_equal(same.outputs, one.outputs)
    assert [e.provenance.evaluations for e in together[:6]] == [3, 0, 0, 0, 0, 0]
    assert_array_equal(changed.values, wh.explain(model, IMAGES + 0.1, methods[0]).values)
    assert_array_equal(another.values, wh.explain(other, IMAGES, methods[0]).values)
    assert_array_equal(of_two.values, wh.explain(model, IMAGES, GradCam(target=2)).values)
    assert after.provenance.evaluations > 0


def test_what_does_not_fit_the_memory_is_not_kept() -> None:
    net = wh.network(Small(), memory=5_000)
    with one_sweep():
        first = wh.explain(net, IMAGES, GradCam(target=0))
        second = wh.explain(net, IMAGES, GradCam(target=0))

    assert second.provenance.evaluations == 3
    assert_array_equal(first.values, second.values)


def test_one_sweep_is_not_used_for_a_network_that_was_trained_meanwhile() -> None:
    model = pooled()
    with one_sweep():
        before = wh.explain(model, IMAGES, GradCam(target=0))
        with torch.no_grad():
            model.get_parameter("6.weight").mul_(2)
        after = wh.explain(model, IMAGES, HiResCam(target=0))

    assert_allclose(after.values, 2 * before.values)


def test_only_what_lies_behind_the_layer_is_asked_again_without_a_channel() -> None:
    class Counting(nn.Conv2d):
        rows = 0

        def forward(self, x: Tensor) -> Tensor:
            Counting.rows += len(x)
            return called(super().forward, x)

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.before, self.conv = Counting(3, 4, 3), nn.Conv2d(4, 6, 3)
            self.head = nn.Linear(6, 2)
            self.double().eval()

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(self.before(x))
            return called(self.head, x.mean((2, 3)))

    class Stubborn(Counts):
        def forward(self, x: Tensor) -> Tensor:
            rows = len(x)  # so that no more rows than at the start can come out
            x = self.conv(self.before(x)).mean((2, 3))
            return called(self.head, x.reshape(rows, 6))

    fast = wh.explain(Counts(), IMAGES, AblationCam(target=0))
    few = Counting.rows
    slow = wh.explain(Stubborn(), IMAGES, AblationCam(target=0))

    assert_allclose(fast.values, slow.values, atol=1e-13)
    assert few < 3 * 6 < Counting.rows - few


# Which layer


def test_the_last_map_that_reaches_the_score_is_found() -> None:
    class Aside(nn.Module):
        """A map after the last one that counts, and a head that makes it a single place."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.aside = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
            self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)
            self.double()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = functional.relu(self.conv(x))
            aside = self.aside(x)
            return called(self.head, self.pool(x).flatten(1)), aside

    assert layer_found(Aside(), IMAGES) == "conv"
    assert layer_found(Small("module"), IMAGES) == "second"  # its ReLU is used again later
    assert layer_found(pooled(), IMAGES) == "3"


def test_a_layer_that_hands_on_what_goes_around_it_is_not_taken_for_the_way() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.same, self.head = nn.Conv2d(3, 4, 3), nn.Identity(), nn.Linear(4, 2)
            self.double()

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            maps = self.conv(x)
            beside = self.same(maps)
            return {"logits": called(self.head, maps.mean((2, 3))), "maps": beside}

    model = Around()
    only = wh.explain(model, IMAGES, GradCam(layer="conv"))
    both = wh.explain(model, IMAGES, GradCam(layer=("conv", "same")))

    assert layer_found(model, IMAGES) == "conv"
    assert_allclose(both.values, only.values / 2)
    assert "'same'" in both.provenance.warnings[0]


def test_of_a_layer_used_again_the_last_use_is_the_map() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)])
            self.act, self.head = nn.ReLU(inplace=True), nn.Linear(5, 2, bias=False)
            self.double()

        def forward(self, x: Tensor) -> Tensor:
            for conv in self.convs:
                x = self.act(conv(x))
            return called(self.head, x.mean((2, 3)))

    e = explained(Again(), IMAGES, HiResCam(target=0))
    taken = wh.explain(Again(), IMAGES, AblationCam(target=0))

    assert e.provenance.settings["layer"] == "act"
    assert e.values.shape == (3, 8, 12, 1)
    assert_allclose(e.residual, 0, atol=1e-14)
    assert taken.values.shape == (3, 8, 12, 1)


class Dense(nn.Module):
    """Layers that see all before them, as in DenseNet, and a ReLU that is a function."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(4 * i, 4, 3, padding=1) for i in (1, 2, 3))
        self.norm, self.head = nn.BatchNorm2d(16), nn.Linear(16, 2)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for conv in self.convs:
            maps.append(conv(torch.cat([functional.relu(part) for part in maps], 1)))
        x = functional.relu_(self.norm(torch.cat(maps, 1)))
        return called(self.head, x.mean((2, 3)))


def test_the_layer_is_found_in_a_network_of_densenets_kind() -> None:
    e = explained(Dense(), IMAGES, HiResCam())

    assert e.provenance.settings["layer"] == "norm"
    assert e.values.shape == (3, 12, 16, 1)


SQUARE = RNG.random((2, 3, 32, 32))


def test_networks_of_hugging_face_are_read() -> None:
    T = pytest.importorskip("transformers")
    torch.manual_seed(0)
    resnet = T.ResNetForImageClassification(
        T.ResNetConfig(hidden_sizes=[8, 8], depths=[1, 1], embedding_size=8, num_labels=3)
    )
    vit = T.ViTForImageClassification(
        T.ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                    intermediate_size=32, image_size=32, patch_size=8, num_labels=3)
    )  # fmt: skip
    swin = T.SwinForImageClassification(
        T.SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[2, 2], image_size=32, patch_size=4,
                     window_size=4, num_labels=3)
    )  # fmt: skip

    shapes = {
        str(e.provenance.settings["layer"]): e.values.shape[1:3]
        for e in (explained(model.eval(), SQUARE, GradCam()) for model in (resnet, vit, swin))
    }

    before_attention = next(name for name in shapes if name.endswith("layernorm_before"))
    assert ".1." in before_attention
    assert shapes == {"resnet.encoder": (4, 4), before_attention: (4, 4), "swin.layernorm": (4, 4)}


class Patches(nn.Module):
    """A vision transformer by hand: a class token and registers before patches in rows."""

    def __init__(self, prefix: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.prefix = nn.Parameter(torch.randn(1, prefix, 8))
        self.embed = nn.Linear(48, 8)
        self.norm, self.qkv = nn.LayerNorm(8), nn.Linear(8, 24)
        self.head = nn.Linear(8, 3)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        parts = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(1, 2).flatten(2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), self.embed(parts)], 1)
        q, k, v = self.qkv(self.norm(tokens)).chunk(3, dim=-1)
        read = functional.scaled_dot_product_attention(q, k, v)[:, 0]
        return called(self.head, tokens[:, 0] + read)


@pytest.mark.parametrize("prefix", [1, 5])
def test_tokens_that_are_no_patches_are_left_out(prefix: int) -> None:
    model = Patches(prefix)
    X = RNG.random((2, 3, 12, 24))

    e = explained(model, X, HiResCam(target=1))
    taken = explained(model, X, AblationCam(target=1, layer="norm"))

    kept: dict[str, Tensor] = {}

    def keep(_part: nn.Module, _args: object, out: Tensor) -> Tensor:
        kept["A"] = out.detach().requires_grad_()
        return kept["A"]

    handle = model.norm.register_forward_hook(keep)
    said = model(torch.from_numpy(X))[:, 1]
    (G,) = torch.autograd.grad(said.sum(), kept["A"])
    handle.remove()
    expected = (G * kept["A"])[:, prefix:].sum(-1).reshape(2, 3, 6).detach().numpy()
    assert e.provenance.settings["layer"] == "norm"
    assert_allclose(e.values[..., 0], expected, atol=1e-13)
    assert taken.values.shape == (2, 3, 6, 1)


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(224, 224, 16), (224, 224, 14), (224, 224, 32), (384, 384, 16), (518, 518, 14),
     (32, 32, 4), (256, 512, 16), (480, 640, 16), (230, 230, 16), (100, 75, 25)],
)  # fmt: skip
@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_the_grid_of_patches_is_told_by_the_image(
    height: int, width: int, side: int, prefix: int
) -> None:
    image = Extent(kind="image", sizes=(height, width))
    h, w = height // side, width // side

    grid = grid_of((h * w + prefix, 768), image, nn.LayerNorm(768))

    assert grid == Grid(sizes=(h, w), channels_first=False, prefix=prefix)


def test_channels_are_weighted_by_probabilities_where_these_are_explained() -> None:
    model = Small()

    def score(images: Tensor) -> Tensor:
        return called(model, images).softmax(1)[:, 1]

    e = wh.explain(model, IMAGES, ScoreCam(target=1, layer="second"), output="probability")

    for one, x in zip(e.values[..., 0], IMAGES, strict=True):
        assert_allclose(one, paper.score_cam(model.body, score, x), atol=1e-12)


def test_maps_with_channels_last_are_read() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.norm, self.head = nn.Conv2d(3, 7, 3), nn.LayerNorm(7), nn.Linear(7, 2)
            self.double()

        def forward(self, x: Tensor) -> Tensor:
            return called(self.head, self.norm(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2)))

    e = explained(Last(), IMAGES, HiResCam())

    assert e.provenance.settings["layer"] == "norm"
    assert e.values.shape == (3, 10, 14, 1)
    model = Last()
    A = model.norm(model.conv(torch.from_numpy(IMAGES)).permute(0, 2, 3, 1)).detach().numpy()
    falls = model.head.weight[0].detach().numpy() * A.mean((1, 2))
    taken = explained(model, IMAGES, AblationCam(target=0))
    expected = np.einsum("nk,nhwk->nhw", falls / np.abs(taken.outputs), A)
    assert_allclose(taken.values[..., 0], expected, atol=1e-12)


def test_images_with_channels_last_are_read_by_networks_that_want_them_so() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = pooled()

        def forward(self, x: Tensor) -> Tensor:
            return called(self.inner, x.permute(0, 3, 1, 2))

    for method in (GradCam, ScoreCam):
        e = wh.explain(Turned(), IMAGES.transpose(0, 2, 3, 1).copy(), method(target=0))
        assert_allclose(e.values, wh.explain(pooled(), IMAGES, method(target=0)).values, atol=1e-13)


# Series and texts


def test_a_series_has_a_map_over_time_that_can_be_drawn() -> None:
    class Times(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv1d(2, 5, 3, stride=2), nn.Linear(5, 2, bias=False)
            self.double()

        def forward(self, x: Tensor) -> Tensor:
            return called(self.head, functional.relu(self.conv(x.transpose(1, 2))).mean(2))

    X = RNG.random((3, 21, 2))

    e = wh.explain(Times(), X, HiResCam(target="all"))

    assert e.values.shape == (3, 10, 2)
    assert e.names.features[0] == "lags 19-21"
    assert_allclose(e.residual, 0, atol=1e-14)
    wh.plots.series(e)
    shown = wh.explain(Times(), X, ScoreCam(target=0))
    assert shown.values.shape == (3, 10, 1)


def test_tokens_of_texts_have_a_map_over_vectors() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.table = nn.Embedding(30, 6)
            self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 2, bias=False)
            self.double()

        def forward(self, input_ids: Tensor) -> Tensor:
            return called(self.head, self.norm(self.table(input_ids)).mean(1))

    def tokenizer(strings: list[str]) -> dict[str, Any]:
        width = 1 + max(len(s) for s in strings)
        ids, at = np.zeros((len(strings), width), int), np.zeros((len(strings), width, 2), int)
        for i, s in enumerate(strings):
            for j, letter in enumerate(s):
                ids[i, j + 1], at[i, j + 1] = ord(letter) - 96, (j, j + 1)
        return {"input_ids": ids, "offset_mapping": at}

    net = wh.network(Words(), tokenizer=tokenizer)

    e = wh.explain(net, ["abc", "fg"], HiResCam(target=0))

    assert e.values.shape == (2, 3, 1)
    assert_array_equal(e.mask, [[True, True, True], [True, True, False]])
    ids = torch.tensor([[0, 1, 2, 3]])
    own = (Words().head.weight[0] * Words().norm(Words().table(ids)))[0].sum(1) / 4
    assert_allclose(e.values[0, :, 0], own[1:].detach().numpy(), atol=1e-14)
    with pytest.raises(wh.InputError, match="AblationCam needs none"):
        wh.explain(net, ["abc"], ScoreCam(target=0))


# What cannot be explained


def test_a_network_without_a_map_is_told_what_it_has() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(576, 4), nn.ReLU(), nn.Linear(4, 2)).double()

    with pytest.raises(wh.UnsupportedModelError, match=r"'1' \(4,\).*layer="):
        wh.explain(model, IMAGES, GradCam())
    with pytest.raises(wh.UnsupportedModelError, match="rows of a table"):
        wh.explain(nn.Linear(4, 1).double(), np.ones((2, 4)), GradCam())


def test_a_layer_without_places_is_refused_by_name() -> None:
    with pytest.raises(wh.InputError, match=r"'hidden' gives \(7,\) per row.*12 x 16"):
        wh.explain(Small(), IMAGES, GradCam(layer="hidden"))
    with pytest.raises(wh.InputError, match="no such part"):
        wh.explain(Small(), IMAGES, GradCam(layer="thrid"))
    with pytest.raises(wh.InputError, match="tuple of different names"):
        wh.explain(Small(), IMAGES, GradCam(layer=("first", "first")))
    with pytest.raises(wh.InputError, match="tuple of different names"):
        wh.explain(Small(), IMAGES, GradCam(layer=()))
    with pytest.raises(wh.InputError, match="relu is 1"):
        wh.explain(Small(), IMAGES, GradCam(relu=1))  # type: ignore[arg-type]
    with pytest.raises(wh.InputError, match="target is 9"):
        wh.explain(Small(), IMAGES, GradCam(target=9))


def test_a_layer_that_the_score_does_not_come_from_is_said() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.aside = nn.Conv2d(3, 4, 3).double(), nn.Conv2d(3, 4, 3).double()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.conv(x).mean((2, 3)), self.aside(x)

    with pytest.raises(wh.InputError, match="back to layer 'aside'"):
        wh.explain(Aside(), IMAGES, GradCam(layer="aside"))

    both = wh.explain(Aside(), IMAGES, GradCam(layer=("conv", "aside")))

    assert both.values.any()
    assert "'aside'" in both.provenance.warnings[0]


@pytest.mark.parametrize("method", ALL)
def test_scores_that_are_not_finite_are_refused(method: Cam) -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3).double()

        def forward(self, x: Tensor) -> Tensor:
            return called(self.conv, x).mean((2, 3)).sub(1e6).sqrt()

    with pytest.raises(wh.InputError, match="not finite, about 3 of 3 rows"):
        wh.explain(Root(), IMAGES, method(layer="conv", target=0))


def test_a_constant_layer_has_no_component_and_shows_nothing() -> None:
    model = pooled()
    X = np.full((2, 3, 12, 16), 0.3)

    assert_allclose(wh.explain(model, X, EigenCam()).values, 0, atol=1e-12)
    assert_array_equal(wh.explain(model, X * 0, ScoreCam()).values, 0)


def test_the_map_of_an_image_is_drawn_over_it() -> None:
    e = wh.explain(pooled(), IMAGES, GradCam(target=0))

    ax = wh.plots.image(e)

    drawn = ax.images[0].get_array()
    assert drawn is not None
    assert drawn.shape == (12, 16, 3)
