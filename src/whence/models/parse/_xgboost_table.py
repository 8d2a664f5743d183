"""How XGBoost reads a table: what becomes of categories, absent entries and missing numbers."""

from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, Protocol, cast

import numpy as np

from whence.core.errors import InputError
from whence.core.table import Table, is_sparse
from whence.core.types import Bools, Floats, Level
from whence.models.parse.common import check_columns, recode


class Booster(Protocol):
    """What is asked of an ``xgboost.Booster``."""

    feature_names: list[str] | None
    feature_types: list[str] | None

    def save_raw(self, raw_format: str) -> bytearray: ...

    def inplace_predict(
        self,
        data: object,
        *,
        iteration_range: tuple[int, int],
        predict_type: str,
        missing: float,
        validate_features: bool,
        strict_shape: bool,
    ) -> Floats: ...

    def predict(
        self,
        data: object,
        *,
        output_margin: bool,
        iteration_range: tuple[int, int],
        strict_shape: bool,
    ) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encode:
    """Turn a table into the numbers the trees read.

    Attributes
    ----------
    features, named
        As in `Trees`.
    categorical : bool array of shape (columns,)
        Where the trees read category codes.
    known : tuple
        Per column the categories that XGBoost learned, None where it learned none.
    types : tuple of str
        Per column XGBoost's type; empty if it knows none.
    missing : float
        The number that counts as missing besides NaN.
    """

    features: tuple[str, ...]
    named: bool
    categorical: Bools
    known: tuple[tuple[Level, ...] | None, ...]
    types: tuple[str, ...]
    missing: float

    def __call__(self, table: Table) -> Floats:
        """Return an array of shape (rows, columns)."""
        check_columns(table, self.features, named=self.named)
        X = np.array(table.numbers, dtype=np.float64)
        with np.errstate(over="ignore"):  # beyond float32 is infinity, for XGBoost too
            if not np.isnan(self.missing):  # compared with the user's codes, not the model's
                X[X.astype(np.float32) == np.float32(self.missing)] = np.nan
            if self.categorical.any():
                X[:, self.categorical] = X[:, self.categorical].astype(np.float32)
        if is_sparse(table.native):
            X[_absent(cast("Any", table.native))] = np.nan
        for j, levels in enumerate(table.levels):
            if levels is not None:
                X[:, j] = self._codes(X[:, j], levels, j)
        return X

    def _codes(self, codes: Floats, levels: tuple[Level, ...], j: int) -> Floats:
        """Return the model's codes of a column of categories."""
        if self.types and self.types[j] != "c":
            raise InputError(
                f"Column {self.features[j]!r} holds categories, {levels[:3]} for example; the "
                f"model learned it as {self.types[j]}. Hand in numbers, as in training."
            )
        known = self.known[j]
        if known is None:  # the model compares codes as they are
            return codes
        if levels == known and "".join(map(str, levels)).isascii():
            return codes
        out = recode(codes, _as_learned(levels, known), known, unseen=-1.0)
        if (unseen := np.flatnonzero(out < 0)).size:
            raise self._unseen(levels[int(codes[unseen[0]])], known, j)
        return out

    def _unseen(self, level: Level, known: tuple[Level, ...], j: int) -> InputError:
        accents = any(isinstance(text, str) and not text.isascii() for text in known)
        hint = (
            "XGBoost mixes up texts with accents once their order changes: give the column the "
            "categories of the training data, in the same order."
            if accents
            else "Replace it, or mark it as missing."
        )
        return InputError(
            f"Column {self.features[j]!r} holds {level!r}, a category the model did not see in "
            "training: XGBoost refuses it, or silently reads it as another one. It knows "
            f"{len(known)}: {', '.join(_readable(text) for text in known[:10])}. {hint}"
        )


def _absent(native: Any) -> Bools:  # noqa: ANN401  any kind of scipy sparse matrix
    """Tell which entries a sparse matrix does not hold: XGBoost takes them as missing."""
    entries = native.tocoo()
    out = np.ones(entries.shape, dtype=np.bool_)
    out[entries.row, entries.col] = False
    return out


def _as_learned(levels: tuple[Level, ...], known: tuple[Level, ...]) -> tuple[Level, ...]:
    """Return categories in the coding of ``known``.

    From pandas, XGBoost joins the UTF-8 bytes of all categories but cuts them by their number of
    characters. Categories with accents are then told apart by the wrong bytes, and it is these
    that decide what the model predicts.
    """
    whole = tuple(
        level.encode().decode("latin-1") if isinstance(level, str) else level for level in levels
    )
    texts = [level for level in levels if isinstance(level, str)]
    if len(texts) < len(levels) or set(whole) <= set(known):
        return whole
    joined = "".join(texts).encode().decode("latin-1")
    ends = np.cumsum([0, *map(len, texts)])
    cut = tuple(joined[a:b] for a, b in pairwise(ends))
    return cut if set(cut) <= set(known) else whole


def _readable(level: Level) -> str:
    return (
        level.encode("latin-1").decode(errors="replace") if isinstance(level, str) else str(level)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predict:
    """Ask the user's own booster for its margins.

    Numbers are handed over as the plain array they are, which saves XGBoost the unpacking of
    data frames; sparse matrices and categories go in as the user's own object.
    """

    booster: Booster
    rounds: tuple[int, int]
    encode: Encode

    def __call__(self, table: Table) -> Floats:
        """Return the margins, of shape (rows, outputs)."""
        own = table.native is not None and (
            is_sparse(table.native) or any(levels is not None for levels in table.levels)
        )
        data = table.native if own else self.encode(table)
        missing = self.encode.missing if own else np.nan
        try:
            margin = self.booster.inplace_predict(
                data,
                iteration_range=self.rounds,
                predict_type="margin",
                missing=missing,
                validate_features=False,
                strict_shape=True,
            )
        except (TypeError, ValueError):  # kinds of tables that need XGBoost's own container
            margin = self._through_matrix(data, missing)
        return np.asarray(margin, dtype=np.float64)

    def _through_matrix(self, data: object, missing: float) -> Floats:
        plain = isinstance(data, np.ndarray) or is_sparse(data)
        try:
            matrix = import_module("xgboost").DMatrix(
                data,
                missing=missing,
                enable_categorical=True,
                feature_names=self.booster.feature_names if plain else None,
                feature_types=self.booster.feature_types if plain else None,
            )
            return self.booster.predict(
                matrix, output_margin=True, iteration_range=self.rounds, strict_shape=True
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"XGBoost refuses these rows: {first_line(error)}. The model predicts on tables "
                "with the columns and the types it was trained on. Hand in such a table."
            ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error of XGBoost, which goes on with a stack trace."""
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
