"""Mixed-integer programs, solved by HiGHS through ``scipy.optimize.milp``."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import numpy as np

from whence.core.errors import MissingDependencyError
from whence.core.types import Bools, Floats

_SCALE = 1e3
_SOLVED, _INFEASIBLE = 0, 2  # statuses of scipy.optimize.milp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """``min cost @ x`` such that ``low <= A @ x <= high`` and ``0 <= x <= most``.

    ``whole`` says which variables are integers; ``cost`` is non-negative.
    """

    cost: Floats
    A: Floats
    low: Floats
    high: Floats
    most: Floats
    whole: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What the solver came to.

    Attributes
    ----------
    x : array or None
        The best found; None: nothing was.
    bound : float
        Nothing costs less; costs are non-negative.
    done : bool
        Whether ``x`` is the best, or nothing exists.
    nodes : int
        Nodes of the search.
    """

    x: Floats | None
    bound: float
    done: bool
    nodes: int


def solve(program: Program, seconds: float) -> Answer:
    """Ask HiGHS for the least cost, within a time limit.

    Raises
    ------
    MissingDependencyError
        scipy is not installed.

    Examples
    --------
    >>> program = Program(
    ...     cost=np.array([2.0, 3.0]), A=np.ones((1, 2)), low=np.ones(1), high=np.full(1, np.inf),
    ...     most=np.ones(2), whole=np.ones(2, dtype=bool))
    >>> solve(program, 10.0).x
    array([1., 0.])
    """
    # HiGHS stops at a gap of 1e-6, whatever the costs are.
    optimize, sparse = _scipy("scipy.optimize"), _scipy("scipy.sparse")
    scale = _SCALE / max(float(program.cost.max(initial=0)), 1e-300)
    result = optimize.milp(
        program.cost * scale,
        integrality=program.whole.astype(np.int64),
        bounds=optimize.Bounds(0.0, program.most),
        constraints=optimize.LinearConstraint(
            sparse.csr_array(program.A), program.low, program.high
        ),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    bound = result.mip_dual_bound
    known = bound is not None and np.isfinite(bound)
    return Answer(
        x=result.x,
        bound=max(0.0, float(bound) / scale) if known else 0.0,
        done=result.status in {_SOLVED, _INFEASIBLE},
        nodes=int(result.mip_node_count or 0),
    )


def _scipy(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError.of("The mixed-integer engine", "scipy", "sklearn") from error
