"""Results in plain words, and only what the numbers support.

What a model says is told, never the cause of an outcome. Each kind of result has a module of its
own, ``narrate_row`` and so on; here is which of them tells what.
"""

from typing import Final, get_args

from whence.core.effect import Effect
from whence.core.errors import InputError
from whence.core.examples import Examples
from whence.core.explanation import Attribution, Explanation
from whence.core.meaning import meaning
from whence.core.rules import Rules
from whence.core.words import ALL, importance, with_article
from whence.reports.narrate_effect import tell_effect
from whence.reports.narrate_examples import check_told, tell_examples
from whence.reports.narrate_importance import tell_all_rows
from whence.reports.narrate_parts import tell_parts
from whence.reports.narrate_row import tell_row
from whence.reports.narrate_rules import tell_rule
from whence.reports.narrate_words import Audience

__all__ = ["Audience", "narrate"]

_ENTRIES: Final = {"tree": "leaf", "list": "rule"}
"""What an entry of rules is, where it is no row."""


def narrate(
    e: Explanation, audience: Audience = "analyst", *, output: str | int | None = None
) -> str:
    """Tell one explained row, an importance or an effect in plain words.

    Parameters
    ----------
    e : Attribution, Rules, Examples or Effect
        An explanation of one row, such as ``explanation[0]``: how its features moved the output, a
        rule under which the answer stays, or what would have changed it. Or an importance over all
        rows, or an effect, whose curves of one feature are told.
    audience : "analyst" or "customer"
        An analyst gets every figure in the model's unit; a customer gets probabilities as
        percentages, and the parts of a score as shares of all movement.
    output : str, int or None
        Which output of an Attribution or Effect; by default the largest one of a row, and else the
        first.

    Raises
    ------
    InputError
        If ``e`` does not hold just one row, or is one of pixels or of a kind that is better drawn,
        or ``audience`` or ``output`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from whence.core.explanation import Names
    >>> e = Attribution(
    ...     values=np.array([[[1.0], [0.5]]]), base_values=np.array([[0.5]]),
    ...     outputs=np.array([[2.0]]), names=Names(features=("age", "income"), outputs=("price",)),
    ... )
    >>> print(narrate(e))
    The model's output for price is 2.00, which is 1.50 above the base value of 0.50. \
The output was raised most by age (+1.00) and income (+0.50).
    """
    if audience not in get_args(Audience):
        raise InputError(f"`audience` is {audience!r}. Pass 'analyst' or 'customer'.")
    if isinstance(e, Effect):
        return tell_effect(e, audience, output)
    if not isinstance(e, Attribution | Rules | Examples):
        raise InputError(
            "`narrate` tells an Attribution, Rules, Examples or an Effect, and "
            f"{with_article(type(e).__name__)} came. Draw it: wh.plot(e)."
        )
    if isinstance(e, Examples):
        check_told(e)
    if len(e) != 1:
        what = _ENTRIES.get(getattr(e, "kind", ""), "row")
        raise InputError(
            f"`narrate` tells one {what}, and the explanation holds {len(e)}. Pass e[0], for "
            "example."
        )
    if isinstance(e, Rules):
        return tell_rule(e, audience)
    if isinstance(e, Examples):
        return tell_examples(e, audience)
    if e.names.rows == ALL and importance(e).signed:
        return tell_all_rows(e, audience, output)
    said = meaning(e.provenance.method)
    if said.verb:
        return tell_parts(e, audience, output, said)
    return tell_row(e, audience, output)
