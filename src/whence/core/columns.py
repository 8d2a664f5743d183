"""Tables without some of their columns, in the form that the user gave."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from whence.core.table import Table, is_sparse
from whence.core.types import Ints


def columns_of(table: Table, kept: Ints) -> Table:
    """Return some columns of a table, the user's own object cut alike.

    Parameters
    ----------
    table : Table
    kept : int array
        Places of the columns, ascending.

    Examples
    --------
    >>> import pandas as pd
    >>> from whence.core.table import table_of
    >>> X = table_of(pd.DataFrame({"age": [41, 23], "job": ["clerk", "smith"]}))
    >>> columns_of(X, np.array([1])).native
         job
    0  clerk
    1  smith
    """
    return Table(
        names=tuple(table.names[j] for j in kept),
        numbers=np.ascontiguousarray(table.numbers[:, kept]),
        levels=tuple(table.levels[j] for j in kept),
        named=table.named,
        rows=table.rows,
        native=_native(table.native, kept),
    )


def _native(native: Any, kept: Ints) -> object:  # noqa: ANN401  a table of any library
    if native is None or isinstance(native, np.ndarray) or is_sparse(native):
        return native if native is None else native[:, kept]
    if type(native).__module__.startswith("pandas"):
        return native.iloc[:, kept]
    frame = nw.from_native(native, eager_only=True)
    return frame.select([frame.columns[j] for j in kept]).to_native()
