"""One row in plain words, where values are no movements of the output: slopes, maps, attention."""

import numpy as np

from whence.core.explanation import Attribution
from whence.core.meaning import Meaning
from whence.plots.pick import read
from whence.plots.style import decimals, number
from whence.reports.narrate_row import check_parts, movements
from whence.reports.narrate_words import MOST, Audience, joined, notes


def tell_parts(e: Attribution, audience: Audience, output: str | int | None, said: Meaning) -> str:
    """Tell which parts of the only row have the largest values, and what that does not say."""
    check_parts(e)
    chosen = int(np.argmax(e.outputs[0])) if output is None else output
    panel = read(e, chosen, "narrate")
    listed, _ = movements(panel, MOST[audience])
    end = float(panel.outputs[0])
    name = f" for {panel.output}" if panel.output else ""
    unit = f" ({panel.unit})" if panel.unit else ""
    told = number(end, decimals(np.array([end])))
    sentences = [f"The model's output{name} is {told}{unit}."]
    places = decimals(panel.values[0])
    if listed:
        parts = [
            f"{m.feature}{f' = {m.cell}' if m.cell else ''} "
            f"({said.noun} {number(m.value, places, sign=m.value < 0)})"
            for m in listed
        ]
        sentences.append(f"It {said.verb} {joined(parts)}.")
    else:
        sentences.append(f"No part has any {said.noun}.")
    sentences.append(said.caveat)
    return " ".join([*sentences, *(notes(e) if audience == "analyst" else [])])
