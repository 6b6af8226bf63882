"""Rules of the small core/v1 kinds: namespaces, nodes, events, configmaps, secrets, services."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcluster import validation
from localcluster.status import ApiError
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.registry import Registry

Obj = dict[str, Any]
SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
FIRST: tuple[tuple[str, Obj], ...] = tuple(
    ("namespaces", {"metadata": {"name": name}}) for name in SYSTEM_NAMESPACES
)
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_LIMIT = 1024 * 1024
_DATA_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")

NAMESPACE_FIELDS = {"status.phase": lambda obj: obj.get("status", {}).get("phase", "")}
NODE_FIELDS = {"spec.unschedulable": lambda obj: str(bool(obj.get("spec", {}).get("unschedulable"))).lower()}
NODE_LISTS = {"conditions": ("type",), "addresses": ("type",)}
SECRET_FIELDS = {"type": lambda obj: obj.get("type", "")}
SERVICE_FIELDS = {
    "spec.type": lambda obj: obj["spec"].get("type", ""),
    "spec.clusterIP": lambda obj: obj["spec"].get("clusterIP", ""),
}
SERVICE_LISTS = {"ports": ("port", "protocol"), "conditions": ("type",)}
SERVICE_ACCOUNT_LISTS = {"secrets": ("name",)}


def _involved(part: str) -> Callable[[Obj], str]:
    return lambda obj: obj["involvedObject"].get(part, "")


_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
EVENT_FIELDS: dict[str, Callable[[Obj], str]] = {
    **{f"involvedObject.{part}": _involved(part) for part in _REFERENCE},
    "reason": lambda obj: obj.get("reason", ""),
    "type": lambda obj: obj.get("type", ""),
    "source": lambda obj: (obj.get("source") or {}).get("component", "") or obj.get("reportingComponent", ""),
    "reportingComponent": lambda obj: obj.get("reportingComponent", ""),
}


def prepare_namespace(obj: Obj, old: Obj | None, now: datetime) -> None:
    if old is not None:
        return
    obj["spec"] = {"finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}
    labels, name = obj["metadata"].setdefault("labels", {}), obj["metadata"].get("name", "")
    labels["kubernetes.io/metadata.name"] = name


def namespace_held(obj: Obj) -> bool:
    """A namespace stays, Terminating, until the namespace controller has emptied and finalized it."""
    if not obj.get("spec", {}).get("finalizers"):
        return False
    obj.setdefault("status", {})["phase"] = "Terminating"
    return True


def namespace_undeletable(obj: Obj) -> str:
    protected = obj["metadata"]["name"] in SYSTEM_NAMESPACES[:3]
    return "this namespace may not be deleted" if protected else ""


def namespace_created(registry: Registry, obj: Obj) -> None:
    """Every namespace has the service account that its pods run as unless told otherwise."""
    account = {"metadata": {"name": "default"}}
    try:
        registry.create(
            "serviceaccounts", obj["metadata"]["name"], account, manager="serviceaccount-controller"
        )
    except ApiError as error:
        if error.code != 409:
            raise


def validate_node(obj: Obj, old: Obj | None, problems: Problems) -> None:
    for index, taint in enumerate(obj.get("spec", {}).get("taints") or []):
        where = f"spec.taints[{index}]"
        problems.each(f"{where}.key", taint.get("key", ""), validation.qualified_name(taint.get("key", "")))
        problems.one_of(
            f"{where}.effect", taint.get("effect", ""), ("NoExecute", "NoSchedule", "PreferNoSchedule")
        )


def validate_event(obj: Obj, old: Obj | None, problems: Problems) -> None:
    regarding = obj.get("involvedObject")
    if regarding is None:
        problems.required("involvedObject")
    elif (regarding.get("namespace") or "default") != obj["metadata"].get("namespace"):
        problems.invalid(
            "involvedObject.namespace", regarding.get("namespace", ""), "does not match event.namespace"
        )


def validate_lease(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj.get("spec") or {}
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        problems.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    problems.at_least("spec.leaseTransitions", spec.get("leaseTransitions"), 0)


def validate_config_map(obj: Obj, old: Obj | None, problems: Problems) -> None:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in binary:
        _check_base64(f"binaryData[{key}]", binary[key], problems)
        if key in data:
            problems.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    _check_data({**data, **binary}, "data", problems)
    _check_immutable(obj, old, ("data", "binaryData"), problems)


def default_secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")


def prepare_secret(obj: Obj, old: Obj | None, now: datetime) -> None:
    """stringData is the write-only way in: it ends up in data, encoded."""
    for key, value in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()


def validate_secret(obj: Obj, old: Obj | None, problems: Problems) -> None:
    data = obj.get("data") or {}
    for key in data:
        _check_base64(f"data[{key}]", data[key], problems)
    _check_data(data, "data", problems)
    if old is not None:
        problems.immutable("type", obj.get("type"), old.get("type"))
    _check_immutable(obj, old, ("data",), problems)


def default_service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def prepare_service(obj: Obj, old: Obj | None, now: datetime) -> None:
    """There is no service network on one machine, so every service is as headless ones are."""
    spec = obj["spec"]
    if old is None:
        obj["status"] = {"loadBalancer": {}}
    if spec["type"] != "ExternalName":
        spec.setdefault("clusterIP", old["spec"].get("clusterIP", "None") if old else "None")
        spec["clusterIPs"] = [spec["clusterIP"]]


def validate_service(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj["spec"]
    problems.one_of("spec.type", spec["type"], _SERVICE_TYPES)
    validation.check_labels(spec.get("selector") or {}, "spec.selector", problems)
    if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        problems.required("spec.ports")
    if spec.get("clusterIP", "None") not in ("None", "") and not _is_ip(spec["clusterIP"]):
        problems.invalid("spec.clusterIP", spec["clusterIP"], "must be a valid IP address")
    _check_service_ports(spec.get("ports") or [], problems)


def _check_service_ports(ports: list[Obj], problems: Problems) -> None:
    names = [port.get("name", "") for port in ports]
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        if not port.get("name") and len(ports) > 1:
            problems.required(f"{where}.name")
        elif port.get("name"):
            problems.each(f"{where}.name", port["name"], validation.dns_label(port["name"]))
        if port.get("name") and port["name"] in names[:index]:
            problems.duplicate(f"{where}.name", port["name"])
        problems.within(f"{where}.port", port.get("port") or 0, 1, 65535)
        problems.one_of(f"{where}.protocol", port["protocol"], _PROTOCOLS)


def _check_data(data: dict[str, str], field: str, problems: Problems) -> None:
    for key in data:
        if len(key) > 253 or not _DATA_KEY.fullmatch(key) or key in (".", ".."):
            problems.invalid(f"{field}[{key}]", key, _DATA_KEY_WORDS)
    if sum(len(value.encode()) for value in data.values()) > _DATA_LIMIT:
        problems.too_long("", _DATA_LIMIT)


def _check_base64(field: str, value: str, problems: Problems) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        problems.invalid(field, value, "illegal base64 data")


def _check_immutable(obj: Obj, old: Obj | None, parts: tuple[str, ...], problems: Problems) -> None:
    if old is None or not old.get("immutable"):
        return
    for part in ("immutable", *parts):
        if obj.get(part) != old.get(part):
            problems.forbidden(part, "field is immutable when `immutable` is set")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
