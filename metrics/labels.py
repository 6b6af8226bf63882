"""From labels as exporters and Prometheus write them to ours; both spellings of a pod are read.

Where Prometheus puts labels of its own targets first, those of the figures are called `exported_...`.
"""

import re
from collections.abc import Mapping

from metrics.series import Labels, Metric, Scope

_PAIR = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r'\\([\\"n])')
#: Containers of exporters: where nobody holds the GPU, Prometheus names these as its pod.
EXPORTERS = frozenset({"nvidia-dcgm-exporter", "dcgm-exporter", "exporter", "runyard-exporter"})
#: cAdvisor's names for a whole pod, and for what keeps its network.
WHOLE_POD = frozenset({"", "POD"})


def pairs(text: bytes) -> dict[str, str]:
    """The labels between the braces of a line of Prometheus' text format."""
    found = {}
    for name, value in _PAIR.findall(text):
        plain = value.decode(errors="replace")
        if "\\" in plain:
            plain = _ESCAPED.sub(lambda sign: "\n" if sign[1] == "n" else sign[1], plain)
        found[name.decode()] = plain
    return found


def ours(metric: Metric, given: Mapping[str, str], node: str = "", *, whole: bool = False) -> Labels | None:
    """What a sample with the labels `given` is about, on `node` where known; None: nothing of ours.

    `whole`: figures of containers were summed by pod already.
    """
    namespace, pod, container = (_exported(given, name) for name in ("namespace", "pod", "container"))
    node = node or given.get("node") or given.get("Hostname") or given.get("instance", "")
    if metric.scope is Scope.GPU:
        held = pod if container not in EXPORTERS or "exported_pod" in given else ""
        slice_ = "/".join(filter(None, (given.get("GPU_I_PROFILE"), given.get("GPU_I_ID"))))
        uuid = given.get("UUID") or given.get("uuid", "")
        if not uuid:
            return None
        whose = (namespace, held, "", container) if held else ("", "", "", "")
        return Labels("", *whose, node, given.get("gpu", ""), uuid, slice_)
    if metric.scope is Scope.NODE:
        return Labels(node=node)
    if not pod or given.get("interface") == "lo":
        return None
    if metric.each_container and not whole:
        if container in WHOLE_POD:
            return None
        return Labels(namespace=namespace, pod=pod, container=container, node=node)
    return Labels(namespace=namespace, pod=pod, node=node)


def _exported(given: Mapping[str, str], name: str) -> str:
    return given.get(f"exported_{name}") or given.get(name, "")
