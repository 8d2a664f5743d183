"""Which masker stands for "absent", where the user names none."""

from dataclasses import dataclass

from numpy.random import Generator

from whence.core.errors import InputError
from whence.core.inputs import Images, Inputs, Series, Texts
from whence.maskers.image import ImageMasker
from whence.maskers.scene import Masker, OpenScene, Scene
from whence.maskers.series import SeriesMasker
from whence.maskers.tabular import Marginal
from whence.maskers.text import TextMasker
from whence.models.predict import Predict


def masker_of(background: object, masker: Masker | None) -> Masker:
    """Return the masker that a method's two settings mean.

    Parameters
    ----------
    background : table or None
        Rows that stand for unknown columns, in short for ``Marginal(background)``.
    masker : Masker or None

    Raises
    ------
    InputError
        If both are given, or ``masker`` is none.
    """
    if masker is None:
        return ByKind() if background is None else Marginal(background)
    if background is not None:
        raise InputError(
            "background and masker were both given. A background is short for "
            "masker=Marginal(background). Give one of the two."
        )
    if isinstance(masker, type) or not hasattr(masker, "bind"):
        raise InputError(
            f"masker is {masker!r:.60}. A masker such as wh.Marginal(X_train) or wh.ImageMasker() "
            "is needed."
        )
    return masker


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByKind:
    """The usual masker of images, texts and series; tables have none without a background."""

    def bind(self, view: Predict) -> OpenScene:
        """Return what opens a scene of the kind that the rows are of."""

        def open_scene(inputs: Inputs, rng: Generator) -> Scene:
            return _usual(inputs).bind(view)(inputs, rng)

        return open_scene


def _usual(inputs: Inputs) -> Masker:
    if isinstance(inputs, Images):
        return ImageMasker()
    if isinstance(inputs, Texts):
        return TextMasker()
    if isinstance(inputs, Series):
        return SeriesMasker()
    raise InputError(
        "No background was given. For a table the rows are needed that stand for unknown columns. "
        "Give background=X_train, of which some hundred rows are enough."
    )
