"""Every method that reads a network, as the package has them, ready for some rows."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from whence.deep import methods
from whence.deep.methods.saliency import Saliency
from whence.deep.network import Network


def network_methods(X: Any) -> dict[str, Any]:  # noqa: ANN401  rows of any kind
    """Return each method by name; where settings have no default, with rows as background."""
    own = {"background": X, "of": Saliency()}
    return {
        kind.__name__: kind(**{
            f.name: own[f.name]
            for f in fields(kind)
            if f.default is MISSING and f.default_factory is MISSING
        })
        for kind in _kinds()
    }  # fmt: skip


def _kinds() -> Iterator[Any]:
    for info in pkgutil.iter_modules(methods.__path__):
        module = importlib.import_module(f"{methods.__name__}.{info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and getattr(value, "needs", None) is Network:
                yield value
