"""Why a scheduler holds a workload back, from the sum of what its own objects say (`queueing.saying`). Pure.

Used for phases and by `sources`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from workloads.waiting.rules import Explanation, Told, short
from workloads.waiting.told import explain

Say = Mapping[str, Any]
_AGAIN = "Reset to Pending after eviction"  # Kueue's own words, in place of the check's
_CHECK_STEP = "It starts when the check is passed; an administrator knows what it waits for."


def held(says: Sequence[Say]) -> Explanation | None:
    """All that `says` come to: an eviction before what is missing since; None where nothing is said.

    What nobody knows is passed on as it is, as something general.
    """
    evicted = [one for one in map(explained, (say for say in says if say.get("evicted"))) if one]
    missing = [one for one in map(explained, (say for say in says if not say.get("evicted"))) if one]
    now = next((one for one in missing if not one.general), missing[0] if missing else None)
    if not evicted:
        return now
    words = "; ".join([f"evicted: {evicted[0].words}", *([now.words] if now else [])])
    return Explanation(short(words), now.step if now and now.step else evicted[0].step)


def explained(say: Say) -> Explanation | None:
    """One of them; None where it is without words."""
    told = Told(say["by"], say["reason"], say["message"])
    if check := say.get("check"):
        words = f"waits for the admission check “{check}”"
        if told.message.startswith(_AGAIN):
            return Explanation(short(f"{words}, which it did not pass before"), _CHECK_STEP)
        return Explanation(short(f"{words}: {told.message}" if told.message else words), _CHECK_STEP)
    return explain(told) or (Explanation(short(told.message), general=True) if told.message else None)
