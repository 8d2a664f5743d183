"""Every error raised on purpose: what came, what is needed, what to do.

::

    WhenceError
    ├── InputError               the data or the settings cannot be used as they are
    ├── UnsupportedModelError    the model does not offer what the method needs
    ├── VerificationError        our reading of the model disagrees with the model itself
    └── MissingDependencyError   an optional package is not installed
"""


class WhenceError(Exception):
    """Base class of every error raised on purpose by whence."""


class InputError(WhenceError, ValueError):
    """The data or the settings handed in cannot be used as they are."""


class UnsupportedModelError(WhenceError, TypeError):
    """The model does not offer the view that the method needs."""


class VerificationError(WhenceError, RuntimeError):
    """Our reading of the model, or the explanation, does not add up to the model's own output."""


class Interrupted(KeyboardInterrupt):
    """The user interrupted a block of rows; ``partial`` explains those that had got so far."""

    def __init__(self, partial: object) -> None:
        super().__init__("interrupted")
        self.partial = partial


class MissingDependencyError(WhenceError, ImportError):
    """An optional package is needed and is not installed."""

    @classmethod
    def of(cls, user: str, package: str, extra: str) -> "MissingDependencyError":
        """Say who needs ``package`` and how to install it."""
        return cls(
            f"{user} needs {package}, which is not installed. Run: pip install 'whence[{extra}]'."
        )
