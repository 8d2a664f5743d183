"""Slopes are told and drawn as slopes, never as what moved the output."""

import numpy as np
import pytest
import torch
from torch import nn

import whence as wh

X = np.array([[0.5, 2.0, -1.0]])


def explained() -> wh.Attribution:
    module = nn.Linear(3, 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[3.0, -1.0, 0.0]]))
    return wh.explain(module, X, wh.Saliency(absolute=False))


def test_a_slope_is_told_as_what_the_output_reacts_to() -> None:
    told = wh.narrate(explained())

    assert "reacts most to x0 = 0.5 (slope 3.00) and x1 = 2 (slope \N{MINUS SIGN}1.00)" in told
    assert "raised" not in told
    assert "base value" not in told
    assert "how the output would begin to change" in told


def test_a_slope_is_drawn_without_a_base_value() -> None:
    axes = wh.plot(explained())

    assert axes.get_xlabel() == "slope"


def test_a_slope_is_printed_without_a_base_value_and_a_residual() -> None:
    printed = repr(explained())

    assert "output -0.5" in printed
    assert "base value" not in printed
    assert "residual" not in printed


def test_words_about_single_pixels_are_refused() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(9, 1)).double()
    e = wh.explain(module, np.ones((1, 1, 5, 5)), wh.Saliency())

    with pytest.raises(wh.InputError, match="25 parts of a picture"):
        wh.narrate(e)


def test_the_slopes_of_words_are_no_movements_of_the_output() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 2).double()

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.table(ids).sum((1, 2))

    def tokenizer(texts: list[str]) -> dict[str, object]:
        return {
            "input_ids": [[len(text)] for text in texts],
            "offset_mapping": [[(0, len(text))] for text in texts],
        }

    e = wh.explain(wh.network(Mean(), tokenizer=tokenizer), ["good"], wh.Saliency())

    picture = wh.plot(e)
    assert "slope" in picture.html
    assert "raises" not in picture.html + picture.ansi
    assert "base value" not in picture.html
