"""What Runyard's GPU exporter says is wrong: with the driver, with single GPUs, with knowing who holds them.

Kept as facts in few letters (`Health.why`); `metrics.health_words` says them in words.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from metrics import labels
from metrics.scraping.text import parse

DRIVER, DEVICES, HOLDERS = "GPU driver", "GPUs", "holders of GPUs"
TROUBLES = (DRIVER, DEVICES, HOLDERS)
#: Each is 1, or 0 with a reason.
UPS = {
    "runyard_gpu_exporter_up": DRIVER,
    "runyard_gpu_up": DEVICES,
    "runyard_gpu_pods_up": HOLDERS,
}
_OURS = b"runyard_gpu_"
_REASON = re.compile("[a-z_]+")
Down = Iterable[tuple[str, Mapping[str, str]]]


def down(body: bytes) -> list[tuple[str, dict[str, str]]]:
    """Name and labels of what is down, in the text of an exporter."""
    if _OURS not in body:  # DCGM's: one search, not one for each
        return []
    return [(line.name, labels.pairs(line.head)) for line in parse(body, UPS, {}).fresh if not line.value]


def troubles(found: Down) -> dict[str, str]:
    """Of one exporter, by what is in trouble: the reason, and of GPUs which: "hangs 1, lost 3 5"."""
    reasons: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, given in found:
        why, gpu = given.get("reason", ""), given.get("gpu", "")
        reasons[UPS[name]][why if _REASON.fullmatch(why) else "error"].append(gpu if gpu.isdecimal() else "")
    if DRIVER in reasons:
        reasons.pop(DEVICES, None)  # all of them, for the same reason
    return {
        source: ", ".join(" ".join(filter(None, (why, *_in_order(gpus)))) for why, gpus in sorted(by.items()))
        for source, by in reasons.items()
    }


def _in_order(gpus: Iterable[str]) -> list[str]:
    """Their numbers, the tenth after the second."""
    return sorted(gpus, key=lambda gpu: (len(gpu), gpu))
