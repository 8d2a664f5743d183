"""What counts as the same answer."""

import numpy as np

from whence.kernels.agreement import Agreement


def test_decisions_are_the_same_on_the_same_side() -> None:
    assert Agreement().same(np.array([[0.6], [0.4]]), np.array([[0.9], [0.6]])).tolist() == [
        True, False,
    ]  # fmt: skip
    three = np.array([[0.5, 0.3, 0.2]])
    assert not Agreement().same(three, three[:, ::-1])[0]
    assert Agreement(tolerance=np.array([0.5])).same(np.array([[1.0]]), np.array([[1.5]]))[0]
