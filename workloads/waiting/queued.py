"""Why a scheduler holds a workload back, from the sum of what its own objects say (`queueing.saying`). Pure.

Used for phases and by `sources`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workloads.waiting.rules import Explanation, Told, short
from workloads.waiting.told import explain

Say = Mapping[str, Any]
_AGAIN = "Reset to Pending after eviction"  # Kueue's own words, in place of the check's
_NO_QUEUE = "Have an administrator create the queue, or submit it to one that is there."
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
    again = next((told for say in says if (told := next_try(say))), "")
    words = "; ".join(filter(None, [f"evicted: {evicted[0].words}", again, now.words if now else ""]))
    return Explanation(short(words), now.step if now and now.step else evicted[0].step)


def without_queue(queueing: Say) -> Explanation | None:
    """What keeps it from starting where KAI has not the queue it names; None where nobody knows that."""
    name = queueing.get("missing")
    return (
        Explanation(short(f"its queue “{name}” does not exist on the cluster"), _NO_QUEUE) if name else None
    )


def next_try(say: Say) -> str:
    """When Kueue tries it again after an eviction, and for which time; empty where that is not said.

    It goes back into its queue then, and starts when that has room: not before, but maybe later.
    """
    again = say.get("again") or {}
    number = f"try {again['count'] + 1}" if again.get("count") else "the next try"
    if at := again.get("at"):
        return f"{number} is not before {datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{number} is next" if again.get("count") else ""


def explained(say: Say) -> Explanation | None:
    """One of them; None where it is without words."""
    told = Told(say["by"], say["reason"], say["message"])
    if check := say.get("check"):
        words = f"waits for the admission check “{check}”"
        if told.message.startswith(_AGAIN):
            return Explanation(short(f"{words}, which it did not pass before"), _CHECK_STEP)
        return Explanation(short(f"{words}: {told.message}" if told.message else words), _CHECK_STEP)
    return explain(told) or (Explanation(short(told.message), general=True) if told.message else None)
