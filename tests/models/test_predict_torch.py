"""A torch module is asked in evaluation mode and is afterwards what it was."""

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from whence.core.errors import InputError
from whence.core.inputs import Inputs, images_of, inputs_of, series_of, texts_of
from whence.core.table import table_of
from whence.models.predict import read_predict

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype(np.float32)
PIXELS = rng.integers(0, 255, size=(4, 3, 8, 8), dtype=np.uint8)


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    return nn.Sequential(*layers).to(dtype)


def convolution() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(5))
    model = nn.Sequential(*layers)
    with torch.no_grad():
        model(torch.zeros(1, 3, 8, 8))
    return model.eval()


def expected(model: nn.Module, rows: torch.Tensor) -> np.ndarray:
    modes = [part.training for part in model.modules()]
    model.eval()
    said = model(rows).detach().double().numpy()
    for part, mode in zip(model.modules(), modes, strict=True):
        part.training = mode
    return said


def asked(model: object, rows: object) -> np.ndarray:
    inputs: Inputs = inputs_of(rows)
    return read_predict(model).ask(inputs)


@pytest.mark.parametrize("rows", [X, X.astype(float), pd.DataFrame(X), torch.tensor(X)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tables_are_asked_about_in_the_type_of_the_weights(
    rows: object, dtype: torch.dtype
) -> None:
    model = network(dtype)

    assert_array_equal(asked(model, rows), expected(model, torch.tensor(X).to(dtype)))
    assert read_predict(model).library == "torch"


@pytest.mark.parametrize("form", [torch.tensor, np.asarray, lambda p: torch.tensor(p) / 1.0])
def test_images_are_asked_about_with_channels_where_they_were(form: object) -> None:
    model, given = convolution(), form(PIXELS)  # type: ignore[operator]  # one of three functions
    said = expected(model, torch.tensor(PIXELS).float())

    assert_allclose(asked(model, given), said, rtol=1e-6)
    assert_allclose(read_predict(model).ask(images_of(given).detached()), said, rtol=1e-6)


@pytest.mark.parametrize("flat", [True, False])
def test_series_keep_their_form(flat: bool) -> None:
    shapes = []

    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            shapes.append(tuple(x.shape))
            return x.flatten(1).mean(dim=1)

    values = rng.normal(size=(4, 30) if flat else (4, 30, 2))

    said = read_predict(Mean()).ask(series_of(values))
    assert_allclose(said[:, 0], values.reshape(4, -1).mean(axis=1))
    assert shapes == [values.shape]


def test_ids_stay_whole_where_an_embedding_reads_them() -> None:
    ids = rng.integers(0, 9, size=(5, 7))
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(28, 1))

    for form in (ids, torch.tensor(ids), ids.astype(np.int32)):
        assert_array_equal(asked(model, form), expected(model, torch.tensor(ids)))
    plain = nn.Linear(7, 1)
    assert_array_equal(asked(plain, ids), expected(plain, torch.tensor(ids).float()))


def test_logits_of_a_model_output_are_its_answer() -> None:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network()

        def forward(self, x: torch.Tensor) -> object:
            return SimpleNamespace(logits=self.body(x), hidden_states=None)

    model = Classifier()

    assert_array_equal(asked(model, X), expected(model.body, torch.tensor(X)))


def test_the_mode_of_each_part_is_restored_also_after_an_error() -> None:
    model = network().train()
    model[1].eval()
    before = [part.training for part in model.modules()]
    statistics = model[1].running_mean.clone()

    first = asked(model, X)
    with pytest.raises(InputError, match="raised RuntimeError when asked about 20 rows"):
        asked(model, X[:, :2])

    assert [part.training for part in model.modules()] == before
    assert_array_equal(first, asked(model, X))
    assert torch.equal(model[1].running_mean, statistics)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_what_a_modules_own_eval_does_is_undone() -> None:
    class Merging(nn.Linear):
        """Adds to its weights in evaluation mode, as low-rank adapters do."""

        def train(self, mode: bool = True) -> "Merging":
            if mode != self.training:
                self.weight.data += -1.0 if mode else 1.0
            return super().train(mode)

    model = Merging(3, 1)
    before = model.weight.detach().clone()

    asked(model, X)

    assert torch.allclose(model.weight, before, atol=1e-5)
    assert model.training


def test_no_gradients_are_recorded() -> None:
    recorded = []

    class Watching(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            recorded.append((torch.is_grad_enabled(), self.training))
            return super().forward(x)

    asked(Watching(3, 1), torch.tensor(X, requires_grad=True))

    assert recorded == [(False, False)]
    assert torch.is_grad_enabled()


def test_a_module_that_writes_into_its_input_changes_nothing_of_the_users() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 1))
    array, tensor = X.copy(), torch.tensor(X)

    for rows in (array, tensor):
        asked(model, rows)

    assert_array_equal(array, X)
    assert_array_equal(tensor.numpy(), X)


def test_a_module_in_training_may_be_asked_by_many_threads() -> None:
    model, table = network().train(), table_of(X)
    view = read_predict(model)
    right = expected(model, torch.tensor(X))
    wrong: list[np.ndarray] = []

    def work() -> None:
        for _ in range(50):
            answers = [one.ask(table) for one in (view, read_predict(model))]
            wrong.extend(said for said in answers if not np.array_equal(said, right))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
    assert all(part.training for part in model.modules())


def test_an_exported_module_is_asked_in_the_mode_it_was_exported_in() -> None:
    model = network().eval()
    shapes = ({0: torch.export.Dim("rows")},)
    exported = torch.export.export(model, (torch.tensor(X),), dynamic_shapes=shapes).module()

    assert_allclose(asked(exported, X), expected(model, torch.tensor(X)), rtol=1e-5)


def test_texts_and_categories_are_refused_with_what_to_do() -> None:
    view = read_predict(network())

    with pytest.raises(InputError, match=r"asked with a list of texts"):
        view.ask(texts_of(["a", "b"]))
    with pytest.raises(InputError, match="Column 'job' holds categories"):
        view.ask(table_of(pd.DataFrame({"job": ["clerk"]})))


def test_an_answer_in_parts_is_refused() -> None:
    class Two(nn.Linear):
        def forward(self, x: torch.Tensor) -> object:
            return super().forward(x), x

    with pytest.raises(InputError, match=r"answered with a tuple|answered with shape"):
        asked(Two(3, 1), X)


def test_the_library_of_a_function_of_tensors_does_not_matter() -> None:
    weight = torch.ones(3, 1, requires_grad=True)

    def model(rows: np.ndarray) -> torch.Tensor:
        return (torch.tensor(rows) @ weight).bfloat16()

    assert_allclose(asked(model, X)[:, 0], X.sum(axis=1), rtol=0.01, atol=0.05)


def test_a_module_that_reads_texts_is_asked_with_them() -> None:
    class Length(torch.nn.Module):
        def forward(self, texts: list[str]) -> torch.Tensor:
            return torch.tensor([float(len(text)) for text in texts])

    assert_array_equal(read_predict(Length()).ask(texts_of(["a", "bcd"])), [[1.0], [3.0]])


def test_the_slope_is_the_derivative_of_the_weighted_answers() -> None:
    model = network(torch.float64)
    weights = np.random.default_rng(3).normal(size=(20, 2))
    slope = read_predict(model).slope

    assert slope is not None
    said, found = slope(table_of(X), weights)
    assert_allclose(said, asked(model, X.astype(float)))
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-6
        up, down = (asked(model, X.astype(float) + sign * step) for sign in (1, -1))
        assert_allclose(found[:, j], ((up - down) * weights).sum(axis=1) / 2e-6, atol=1e-5)


class Counting(nn.Module):
    """Notes how many rows it is asked about at a time; its layer makes 400 KB of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 100_000, bias=False)
        self.calls: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(x))
        made: torch.Tensor = self.layer(x).mean(dim=1)
        return made


def test_many_rows_are_asked_about_as_many_at_a_time_as_the_cache_holds() -> None:
    torch.manual_seed(0)
    model, rows = Counting().eval(), np.random.default_rng(0).normal(size=(1000, 3))

    said = asked(model, rows)

    assert sum(model.calls) == 1000
    assert model.calls[0] == 256
    assert max(model.calls[1:]) <= max(256, 10 * torch.get_num_threads())
    assert_allclose(said, expected(model, torch.tensor(rows).float())[:, None], atol=1e-7)


def test_parts_are_not_cut_finer_than_needed() -> None:
    class Mean(Counting):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls.append(len(x))
            return x.mean(dim=1)

    model = Mean().eval()
    asked(model, np.zeros((5000, 3)))
    assert model.calls == [256, 4744]


def test_a_module_that_answers_with_a_list_is_asked_about_all_at_once() -> None:
    class Listing(nn.Module):
        def forward(self, x: torch.Tensor) -> list[float]:
            return [float(v) for v in x[:, 0]]

    rows = np.arange(1200.0).reshape(600, 2)
    assert_array_equal(asked(Listing(), rows)[:, 0], rows[:, 0])
