"""Rows of a background in the place of rows that are explained, where a network is opened.

What is not explained stays as the row has it: special tokens and padding, and arguments such as a
mask. Words of a background text stand in the place of the row's words, one by one; beyond its end
stands the token for an unknown one.
"""

import numpy as np
import torch
from torch import Tensor

from whence.core.errors import InputError
from whence.core.inputs import Inputs
from whence.core.types import Ints
from whence.deep.engine.batch import Batch
from whence.deep.engine.reading import read
from whence.deep.engine.run import Run

Tensors = tuple[Tensor, ...]


class Backgrounds:
    """A background in the place of each row of a block.

    Parameters
    ----------
    run : Run
        Which was asked about its own rows already.
    inputs : Table, Images, Texts or Series
        Rows of the same kind.

    Raises
    ------
    InputError
        If they do not fit the rows explained.
    """

    __slots__ = ("_alike", "_batch", "_run", "_values", "_words", "scores")

    def __init__(self, run: Run, inputs: Inputs) -> None:
        _check_kind(run, inputs)
        self._run = run
        self._batch, layout = read(run.network, inputs)
        self._words: list[Tensor] | None = None
        if run.layout.players is not None and layout.players is not None:
            ids, real = self._batch.sources[0], torch.from_numpy(layout.players >= 0)
            self._words = [row[where.to(ids.device)] for row, where in zip(ids, real, strict=True)]
        else:
            _check_shapes(run, self._batch)
        everything = len(run.batch.args) + len(run.batch.kwargs)
        self._alike = self._words is None and len(run.batch.explained) == everything
        self._values: Tensors = ()
        with torch.no_grad():
            self.scores = self._scores_alike() if self._alike else self._scores_by_row()
        """What the network says about each background row, (rows, background, targets)."""

    def __len__(self) -> int:
        """Return the number of background rows."""
        return len(self._batch)

    def values(self, rows: Ints, chosen: Ints) -> Tensors:
        """Return values (m, ...) where the network is opened, of some background rows.

        Parameters
        ----------
        rows, chosen : int arrays of shape (m,)
            Rows of the block, and which background rows stand in their place.
        """
        if self._alike:
            return tuple(part[torch.from_numpy(chosen).to(part.device)] for part in self._values)
        return self._run.values_of(self._placed(rows, chosen))

    def _scores_alike(self) -> Tensor:
        """Ask about the background once, since it is the same in the place of any row."""
        run, scores, values = self._run, [], []
        for chunk in run.chunks(len(self), weight=0.25):
            done = run.forward(chunk, batch=self._batch)
            count = chunk.stop - chunk.start
            of_row = [
                run.scores(
                    done.answer, torch.full((count,), row, device=self._device), count, own=False
                )
                for row in range(len(run))
            ]
            scores.append(torch.stack(of_row))
            values.append([one.by_row.detach() for one in done.found])
        self._values = tuple(torch.cat(parts) for parts in zip(*values, strict=True))
        return torch.cat(scores, dim=1)

    def _scores_by_row(self) -> Tensor:
        """Ask about every background row in the place of every row."""
        run, scores = self._run, []
        rows = np.repeat(np.arange(len(run)), len(self))
        chosen = np.tile(np.arange(len(self)), len(run))
        for chunk in run.chunks(len(rows), weight=0.25):
            batch = self._placed(rows[chunk], chosen[chunk])
            done = run.forward(slice(0, len(batch)), batch=batch)
            index = torch.from_numpy(rows[chunk]).to(self._device)
            scores.append(run.scores(done.answer, index, len(batch), own=False))
        return torch.cat(scores).view(len(run), len(self), -1)

    def _placed(self, rows: Ints, chosen: Ints) -> Batch:
        """Return the rows with what is explained taken from the background."""
        own = self._run.batch.take(torch.from_numpy(rows).to(self._device))
        if self._words is None:
            index = torch.from_numpy(chosen).to(self._device)
            return own.put(tuple(source[index] for source in self._batch.sources))
        return own.put((self._spoken(own.sources[0], rows, chosen),))

    def _spoken(self, ids: Tensor, rows: Ints, chosen: Ints) -> Tensor:
        """Return ids with the words of background texts."""
        players = self._run.layout.players
        if players is None or self._words is None:
            raise RuntimeError("Only texts have words.")
        real = torch.from_numpy(players >= 0).to(ids.device)
        unknown, out = self._unknown(), ids.clone()
        for line, row, one in zip(out, map(int, rows), map(int, chosen), strict=True):
            places = real[row].nonzero().flatten()
            words = self._words[one][: len(places)]
            line[places] = unknown
            line[places[: len(words)]] = words
        return out

    def _unknown(self) -> int:
        tokenizer = self._run.network.tokenizer
        for name in ("mask_token_id", "pad_token_id"):
            token = getattr(tokenizer, name, None)
            if token is not None:
                return int(token)
        raise InputError(
            "The tokenizer has no mask_token_id and no pad_token_id, one of which stands where a "
            "background text has ended. Give it one, or use IntegratedGradients(baseline='zero')."
        )

    @property
    def _device(self) -> torch.device:
        return self._run.batch.sources[0].device


def _check_kind(run: Run, inputs: Inputs) -> None:
    if type(inputs) is not type(run.inputs):
        raise InputError(
            f"background holds {type(inputs).__name__.lower()} and X "
            f"{type(run.inputs).__name__.lower()}. Give background rows in the form of X."
        )


def _check_shapes(run: Run, batch: Batch) -> None:
    for key, own, other in zip(run.batch.explained, run.batch.sources, batch.sources, strict=True):
        if own.shape[1:] != other.shape[1:]:
            raise InputError(
                f"A row of background is of shape {tuple(other.shape[1:])} and one of X of shape "
                f"{tuple(own.shape[1:])} (argument {key!r}). Give background rows in the form of X."
            )
