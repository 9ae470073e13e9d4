"""Colour and dashes of curves: Okabe and Ito (2008), safe for colour-blind eyes, and never colour alone."""

from collections.abc import Iterable
from typing import Any, NamedTuple

BLACK, GREY, PALE = "#000000", "#707070", "#d9d9d9"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito, without yellow
DASHES = ((6, 4), (1.2, 2.4), (7, 3, 1.5, 3), (3, 3), (10, 3, 3, 3), (1.5, 6))  # on, off, … in line widths


class Style(NamedTuple):
    """How a curve is drawn; `dashes` is what matplotlib takes as a line style, `order` what lies above what."""

    colour: str
    dashes: Any
    width: float
    order: int

    @property
    def line(self) -> dict[str, Any]:
        """Keywords for a line."""
        return {"color": self.colour, "linestyle": self.dashes, "linewidth": self.width, "zorder": self.order}


def styles(labels: Iterable[str], reference: str = "") -> dict[str, Style]:
    """Black, solid and broad for the reference, to be seen below others; colour and dashes of its own for each other label."""
    labels = list(labels)
    others = [label for label in labels if label != reference]
    found = {
        label: Style(COLOURS[k % len(COLOURS)], (0, DASHES[k % len(DASHES)]), 1.8, 3 + k)
        for k, label in enumerate(others)
    }
    return {label: found.get(label, Style(BLACK, "-", 3.4, 2)) for label in labels}
