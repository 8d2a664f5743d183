"""A p-value of a row that is like the others is even."""

import numpy as np

from whence.kernels.standing import conformal


def test_a_p_value_of_rows_like_the_others_is_even() -> None:
    """Of exchangeable rows, at most a share of alpha has a p-value of alpha or less."""
    rng = np.random.default_rng(1)
    p = np.concatenate(
        [
            conformal(rng.normal(size=(99, 2)), rng.normal(size=(20, 2)), np.ones(2),
                      np.zeros(2, dtype=bool), neighbors=3)
            for _ in range(40)
        ]
    )  # fmt: skip
    for alpha in (0.05, 0.2, 0.5):
        assert abs((p <= alpha).mean() - alpha) < 0.06
