"""What a pod may say about itself (downward API): fieldRef and resourceFieldRef. Used for env and volumes."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from typing import Any

from localcluster import quantities

from .addresses import HOST_IP, pod_ip

Obj = dict[str, Any]
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class ConfigError(Exception):
    """A container cannot be made as its spec says, until something changes; the words are for its user."""


@dataclass(frozen=True)
class Machine:
    """What pods are told about the node they run on; `service` is the API's host and port."""

    node_name: str
    allocatable: dict[str, str] = field(default_factory=dict)
    service: tuple[str, int] | None = None
    has_gpus: bool = False


def pod_field(pod: Obj, path: str, machine: Machine) -> str:
    """The value of one fieldRef path; ConfigError names a path that Kubernetes does not offer."""
    meta, spec = pod["metadata"], pod["spec"]
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return (meta.get(keyed[1]) or {}).get(keyed[2], "")
    values = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "metadata.labels": _lines(meta.get("labels")),
        "metadata.annotations": _lines(meta.get("annotations")),
        "spec.nodeName": machine.node_name,
        "spec.serviceAccountName": spec.get("serviceAccountName") or "default",
        **dict.fromkeys(("status.podIP", "status.podIPs"), pod_ip(pod)),
        **dict.fromkeys(("status.hostIP", "status.hostIPs"), HOST_IP),
    }
    if path not in values:
        raise ConfigError(f"field label not supported: {path}")
    return values[path]


def _lines(pairs: dict[str, str] | None) -> str:
    quoted = ((key, value.replace("\\", "\\\\").replace('"', '\\"')) for key, value in (pairs or {}).items())
    return "\n".join(f'{key}="{value}"' for key, value in sorted(quoted))


def resource_field(pod: Obj, container: Obj, ref: Obj, machine: Machine) -> str:
    """`limits.cpu`, `requests.memory` and their like in units of the divisor, rounded up."""
    name = ref.get("containerName")
    every = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    owner = next((one for one in every if one["name"] == name), container)
    side, _, resource = ref.get("resource", "").partition(".")
    if side not in ("limits", "requests") or not resource:
        raise ConfigError(f"unsupported container resource: {ref.get('resource')}")
    resources = owner.get("resources") or {}
    amount = (resources.get(side) or {}).get(resource)
    if amount is None:
        amount = (resources.get("limits") or {}).get(resource, machine.allocatable.get(resource, "0"))
    divisor = quantities.parse(ref.get("divisor") or "1") or quantities.parse("1")
    return str(int((quantities.parse(amount) / divisor).to_integral_value(ROUND_CEILING)))
