"""Which method suits a model, when the user names none."""

from typing import Any, TypeAlias

from whence.methods.tree_shap import TreeShap

Choice: TypeAlias = tuple[Any, tuple[str, ...]]


def choose(model: object) -> Choice:
    """Return a method for ``model`` and the reasons for it.

    Raises
    ------
    UnsupportedModelError
        If no method applies.
    """
    del model
    return TreeShap(), (
        "The model is an ensemble of trees, whose Shapley values are exact and cheap.",
        (
            "No background was given, so absent features follow the training rows in each node; "
            "give TreeShap(background=...) to compare with rows of your choice."
        ),
    )
