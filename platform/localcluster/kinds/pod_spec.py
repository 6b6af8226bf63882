"""Defaults and checks of a pod's spec, for pods and for the templates of kinds that make pods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localcluster import validation
from localcluster.quantities import is_whole, parse
from localcluster.validation import MAX_SECONDS, Problems

Obj = dict[str, Any]

RESTART_POLICIES = ("Always", "Never", "OnFailure")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_NAMES = {
    "nodeName": validation.dns_subdomain,
    "serviceAccountName": validation.dns_subdomain,
    "hostname": validation.dns_label,
    "subdomain": validation.dns_label,
}
_SOURCE_NAMES = (
    ("configMap", "name"),
    ("secret", "secretName"),
    ("hostPath", "path"),
    ("persistentVolumeClaim", "claimName"),
)
_PROBES = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOKS = ("exec", "httpGet", "tcpSocket", "sleep")
_MAX_PATH = 1024
_ENV_SOURCES = ("configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef")
_ENV_NAME = re.compile(r"[ -<>-~]+")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_NATIVE = ("cpu", "memory", "ephemeral-storage")

_ENV_WORDS = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_SOURCE_WORDS = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)
_KEYLESS_WORDS = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
_TWO_WORDS = "may not have more than one field specified at a time"
_PORT_WORDS = "must contain only alpha-numeric characters (a-z, 0-9), hyphens (-), and at least one letter"


def default(spec: Obj) -> None:
    """Fill what Kubernetes fills, in place."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    for _, container in _containers(spec):
        _default_container(container)
    for volume in spec.get("volumes") or []:
        _default_volume(volume)


def _default_container(container: Obj) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault(
        "imagePullPolicy", "Always" if _is_latest(container.get("image", "")) else "IfNotPresent"
    )
    resources = container.setdefault("resources", {})
    for name, amount in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, amount)
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or []:
        field_ref = (variable.get("valueFrom") or {}).get("fieldRef")
        if field_ref is not None:
            field_ref.setdefault("apiVersion", "v1")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind) is not None:
            _default_probe(container[kind])


def _default_probe(probe: Obj) -> None:
    standard = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    for name, value in standard.items():
        if not probe.get(name):
            probe[name] = value
    if probe.get("httpGet") is not None:
        probe["httpGet"].setdefault("path", "/")
        probe["httpGet"].setdefault("scheme", "HTTP")


def _default_volume(volume: Obj) -> None:
    if not any(key != "name" for key in volume):
        volume["emptyDir"] = {}
    for source in ("configMap", "secret"):
        if volume.get(source) is not None:
            volume[source].setdefault("defaultMode", 0o644)
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")


def _is_latest(image: str) -> bool:
    """No tag and no digest, or the tag latest."""
    last = image.rpartition("/")[2]
    return "@" not in last and (":" not in last or last.endswith(":latest"))


def _containers(spec: Obj) -> Iterator[tuple[str, Obj]]:
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            yield f"{part}[{index}]", container


def validate(spec: Obj, where: str, problems: Problems) -> None:
    """Check a defaulted spec; `where` is its path in the object, "spec" or "spec.template.spec"."""
    if not spec.get("containers"):
        problems.required(f"{where}.containers")
    volumes = _validate_volumes(spec.get("volumes") or [], f"{where}.volumes", problems)
    seen: set[str] = set()
    for part, container in _containers(spec):
        _validate_container(container, f"{where}.{part}", volumes, seen, problems)
    _validate_policies(spec, where, problems)
    _validate_placement(spec, where, problems)


def _validate_policies(spec: Obj, where: str, problems: Problems) -> None:
    problems.one_of(f"{where}.restartPolicy", spec["restartPolicy"], RESTART_POLICIES)
    problems.one_of(f"{where}.dnsPolicy", spec["dnsPolicy"], _DNS_POLICIES)
    grace = spec["terminationGracePeriodSeconds"]
    problems.within(f"{where}.terminationGracePeriodSeconds", grace, 0, MAX_SECONDS)
    if spec.get("activeDeadlineSeconds") is not None:
        problems.within(f"{where}.activeDeadlineSeconds", spec["activeDeadlineSeconds"], 1, MAX_SECONDS)


def _validate_placement(spec: Obj, where: str, problems: Problems) -> None:
    validation.check_labels(spec.get("nodeSelector") or {}, f"{where}.nodeSelector", problems)
    for part, rule in _NAMES.items():
        if spec.get(part):
            problems.each(f"{where}.{part}", spec[part], rule(spec[part]))
    for index, toleration in enumerate(spec.get("tolerations") or []):
        _validate_toleration(toleration, f"{where}.tolerations[{index}]", problems)
    gates = [gate.get("name") for gate in spec.get("schedulingGates") or []]
    for index, gate in enumerate(gates):
        problems.each(f"{where}.schedulingGates[{index}]", gate, validation.qualified_name(gate or ""))
        if gate in gates[:index]:
            problems.duplicate(f"{where}.schedulingGates[{index}]", gate)


def _validate_toleration(toleration: Obj, where: str, problems: Problems) -> None:
    operator = toleration.get("operator") or "Equal"
    problems.one_of(f"{where}.operator", operator, ("Equal", "Exists"))
    if toleration.get("key"):
        problems.each(f"{where}.key", toleration["key"], validation.qualified_name(toleration["key"]))
    elif operator != "Exists":
        problems.invalid(f"{where}.operator", operator, _KEYLESS_WORDS)
    if operator == "Exists" and toleration.get("value"):
        problems.invalid(
            f"{where}.operator", toleration["value"], "value must be empty when `operator` is 'Exists'"
        )
    problems.one_of(f"{where}.effect", toleration.get("effect") or None, _EFFECTS)
    if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        problems.invalid(f"{where}.effect", toleration.get("effect", ""), why)


def _validate_volumes(volumes: list[Obj], where: str, problems: Problems) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        at, name = f"{where}[{index}]", volume.get("name", "")
        _check_name(name, f"{at}.name", names, problems)
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        if not sources:
            problems.required(at, "must specify a volume type")
        for extra in sources[1:]:
            problems.forbidden(f"{at}.{extra}", "may not specify more than 1 volume type")
        _validate_source(volume, at, problems)
    return names


def _validate_source(volume: Obj, at: str, problems: Problems) -> None:
    for source, part in _SOURCE_NAMES:
        if volume.get(source) is not None and not volume[source].get(part):
            problems.required(f"{at}.{source}.{part}")
    path = (volume.get("hostPath") or {}).get("path", "")
    if path and (not path.startswith("/") or ".." in path.split("/") or "\0" in path):
        problems.invalid(f"{at}.hostPath.path", path, "must be an absolute path without '..'")
    for source in ("configMap", "secret", "downwardAPI"):
        _validate_items(volume.get(source) or {}, f"{at}.{source}", source != "downwardAPI", problems)
    for index, inner in enumerate((volume.get("projected") or {}).get("sources") or []):
        for source in ("configMap", "secret", "downwardAPI"):
            where = f"{at}.projected.sources[{index}].{source}"
            _validate_items(inner.get(source) or {}, where, source != "downwardAPI", problems)
    size = (volume.get("emptyDir") or {}).get("sizeLimit")
    if size is not None:
        _check_amount(f"{at}.emptyDir.sizeLimit", size, problems)


def _validate_items(source: Obj, at: str, keyed: bool, problems: Problems) -> None:
    """Each file of a volume says where it goes, below the volume, and (`keyed`) which key it holds."""
    for index, item in enumerate(source.get("items") or []):
        where, path = f"{at}.items[{index}]", item.get("path", "")
        if keyed and not item.get("key"):
            problems.required(f"{where}.key")
        if not path:
            problems.required(f"{where}.path")
        elif path.startswith("/") or ".." in path.split("/") or "\0" in path:
            problems.invalid(f"{where}.path", path, "must be a relative path without '..'")


def _check_name(name: str, field: str, seen: set[str], problems: Problems) -> None:
    """A required RFC 1123 label that no sibling has; remembers it in `seen`."""
    if not name:
        problems.required(field)
        return
    problems.each(field, name, validation.dns_label(name))
    if name in seen:
        problems.duplicate(field, name)
    seen.add(name)


def _validate_container(
    container: Obj, at: str, volumes: set[str], seen: set[str], problems: Problems
) -> None:
    _check_name(container.get("name", ""), f"{at}.name", seen, problems)
    image = container.get("image", "")
    if not image:
        problems.required(f"{at}.image")
    elif image != image.strip():
        problems.invalid(f"{at}.image", image, "must not have leading or trailing whitespace")
    problems.one_of(f"{at}.imagePullPolicy", container["imagePullPolicy"], _PULL_POLICIES)
    problems.one_of(f"{at}.terminationMessagePolicy", container["terminationMessagePolicy"],
                    ("FallbackToLogsOnError", "File"))  # fmt: skip
    for index, variable in enumerate(container.get("env") or []):
        _validate_variable(variable, f"{at}.env[{index}]", problems)
    _validate_ports(container.get("ports") or [], f"{at}.ports", problems)
    _validate_mounts(container.get("volumeMounts") or [], f"{at}.volumeMounts", volumes, problems)
    _validate_resources(container["resources"], f"{at}.resources", problems)
    working_dir = container.get("workingDir", "")
    if len(working_dir) > _MAX_PATH or "\0" in working_dir:
        problems.invalid(f"{at}.workingDir", working_dir, f"must be a path of at most {_MAX_PATH} characters")
    for kind, hook in (container.get("lifecycle") or {}).items():
        _validate_handler(hook, f"{at}.lifecycle.{kind}", _HOOKS, problems)
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind) is not None:
            _validate_probe(container[kind], f"{at}.{kind}", kind != "readinessProbe", problems)


def _validate_variable(variable: Obj, at: str, problems: Problems) -> None:
    name, source = variable.get("name", ""), variable.get("valueFrom")
    if not name:
        problems.required(f"{at}.name")
    elif not _ENV_NAME.fullmatch(name):
        problems.invalid(f"{at}.name", name, _ENV_WORDS)
    if source is None:
        return
    chosen = [one for one in _ENV_SOURCES if source.get(one) is not None]
    if variable.get("value"):
        problems.invalid(f"{at}.valueFrom", "", "may not be specified when `value` is not empty")
    if len(chosen) != 1:
        problems.invalid(f"{at}.valueFrom", "", _TWO_WORDS if chosen else _SOURCE_WORDS)
    _validate_env_source(source, f"{at}.valueFrom", problems)


def _validate_env_source(source: Obj, at: str, problems: Problems) -> None:
    for one in ("configMapKeyRef", "secretKeyRef"):
        if source.get(one) is not None and not source[one].get("key"):
            problems.required(f"{at}.{one}.key")
    if source.get("fieldRef") is not None and not source["fieldRef"].get("fieldPath"):
        problems.required(f"{at}.fieldRef.fieldPath")
    if source.get("resourceFieldRef") is not None and not source["resourceFieldRef"].get("resource"):
        problems.required(f"{at}.resourceFieldRef.resource")


def _validate_ports(ports: list[Obj], where: str, problems: Problems) -> None:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at, name = f"{where}[{index}]", port.get("name")
        if name and not _PORT_NAME.fullmatch(name):
            problems.invalid(f"{at}.name", name, _PORT_WORDS)
        elif name and name in names:
            problems.duplicate(f"{at}.name", name)
        names.add(name or "")
        if not port.get("containerPort"):
            problems.required(f"{at}.containerPort")
        else:
            problems.within(f"{at}.containerPort", port["containerPort"], 1, 65535)
        if port.get("hostPort"):
            problems.within(f"{at}.hostPort", port["hostPort"], 1, 65535)
        problems.one_of(f"{at}.protocol", port["protocol"], _PROTOCOLS)


def _validate_mounts(mounts: list[Obj], where: str, volumes: set[str], problems: Problems) -> None:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        at, name, path = f"{where}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            problems.required(f"{at}.name")
        elif name not in volumes:
            problems.not_found(f"{at}.name", name)
        if not path:
            problems.required(f"{at}.mountPath")
        elif path in paths:
            problems.invalid(f"{at}.mountPath", path, "must be unique")
        if ".." in mount.get("subPath", "").split("/"):
            problems.invalid(f"{at}.subPath", mount["subPath"], "must not contain '..'")
        paths.add(path)


def _validate_resources(resources: Obj, at: str, problems: Problems) -> None:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for side, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            _validate_amount(name, amount, f"{at}.{side}", problems)
    for name, amount in requests.items():
        _validate_request(name, amount, limits.get(name), f"{at}.requests", problems)


def _validate_amount(name: str, amount: Any, at: str, problems: Problems) -> None:
    problems.each(f"{at}[{name}]", name, validation.qualified_name(name))
    if "/" not in name and name not in _NATIVE and not name.startswith("hugepages-"):
        problems.invalid(f"{at}[{name}]", name, "must be a standard resource type or fully qualified")
    _check_amount(f"{at}[{name}]", amount, problems)
    if "/" in name and not is_whole(amount):
        problems.invalid(f"{at}[{name}]", amount, "must be an integer")


def _check_amount(field: str, amount: Any, problems: Problems) -> None:
    if parse(amount) < 0:
        problems.invalid(field, amount, "must be greater than or equal to 0")


def _validate_request(name: str, request: Any, limit: Any, at: str, problems: Problems) -> None:
    overcommits = "/" not in name and not name.startswith("hugepages-")
    if limit is None:
        if not overcommits:
            problems.required(f"{at.removesuffix('.requests')}.limits[{name}]",
                              "Limit must be set for non overcommitable resources")  # fmt: skip
        return
    asked, allowed = parse(request), parse(limit)
    if asked > allowed and overcommits:
        problems.invalid(at, request, f"must be less than or equal to {name} limit of {limit}")
    elif asked != allowed and not overcommits:
        problems.invalid(at, request, f"must be equal to {name} limit of {limit}")


def _validate_probe(probe: Obj, at: str, once: bool, problems: Problems) -> None:
    """`once`: liveness and startup probes must succeed on one success."""
    _validate_handler(probe, at, _PROBES, problems)
    for name in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        problems.at_least(f"{at}.{name}", probe.get(name), 0)
    if once and probe["successThreshold"] != 1:
        problems.invalid(f"{at}.successThreshold", probe["successThreshold"], "must be 1")


def _validate_handler(handler: Obj, at: str, offered: tuple[str, ...], problems: Problems) -> None:
    """What a probe or a hook does: exactly one thing, described whole."""
    chosen = [one for one in offered if handler.get(one) is not None]
    if not chosen:
        problems.required(at, "must specify a handler type")
    for extra in chosen[1:]:
        problems.forbidden(f"{at}.{extra}", "may not specify more than 1 handler type")
    if handler.get("exec") is not None and not handler["exec"].get("command"):
        problems.required(f"{at}.exec.command")
    for one in ("httpGet", "tcpSocket"):
        if handler.get(one) is not None:
            _validate_handler_port(handler[one].get("port"), f"{at}.{one}.port", problems)


def _validate_handler_port(port: Any, at: str, problems: Problems) -> None:
    if isinstance(port, str) and not _PORT_NAME.fullmatch(port):
        problems.invalid(at, port, _PORT_WORDS)
    elif not isinstance(port, str):
        problems.within(at, port or 0, 1, 65535)
