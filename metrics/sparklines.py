"""Small drawings of one figure over the last hour, for cells of tables: inline SVG that says it in words."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from metrics.drawing import drawn_in
from metrics.series import Unit, Values

WIDE, HIGH = 72, 18
#: So many of the newest steps may be unknown where a figure is of now.
LATE = 3


@dataclass(frozen=True, slots=True)
class Spark:
    """`values` over the hour, drawn against `top` at least; `name` and `source` are said of them.

    `now` is what tables say of it, which may be known where nothing of the hour is.
    """

    name: str
    unit: Unit
    values: Values
    top: float = 0.0
    source: str = ""
    now: str = ""

    def html(self) -> Markup:
        """The drawing and the figure of now; a dash for either that is not known."""
        known = self.values[~np.isnan(self.values)]
        if not known.size:
            none = f"{self.name}: no figures in the last hour"
            return Markup('<span class="{}" title="{}">{}</span>').format(
                "num" if self.now else "dim", none, self.now or "–"
            )
        highest = float(known.max())
        scale = drawn_in(self.unit, highest)
        fresh = self.values[-LATE:][~np.isnan(self.values[-LATE:])]
        now = self.now or (scale.words(float(fresh[-1])) if fresh.size else "–")
        words = f"{self.name} in the last hour: {scale.words(float(known.min()))} to {scale.words(highest)}"
        words += f", now {'not known' if now == '–' else now}. {self.source}"
        return Markup(
            '<svg class="sparkline" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img"'
            ' aria-label="{2}"><title>{2}</title><path d="{3}"/></svg><span class="num">{4}</span>'
        ).format(WIDE, HIGH, words.strip(), path(self.values, max(self.top, highest)), now)


def path(values: Values, top: float) -> str:
    """Lines through what is known, gaps where nothing is; what stands alone is a dot."""
    across, down = (WIDE - 2) / max(len(values) - 1, 1), (HIGH - 3) / (top or 1)
    parts: list[str] = []
    joined = False
    for place, value in enumerate(values):
        if np.isnan(value):
            joined = False
            continue
        at = f"{1 + place * across:.1f} {HIGH - 1.5 - value * down:.1f}"
        parts.append(f"L{at}" if joined else f"M{at}h.01")
        joined = True
    return "".join(parts)
