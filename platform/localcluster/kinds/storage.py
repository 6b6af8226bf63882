"""Rules of storage: claims of volumes (core/v1), the volumes, and their classes (storage.k8s.io/v1).

`controllers.volumes` binds a claim to a volume; here a volume is a folder of this machine.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcluster import quantities
from localcluster.kinds.shape import Json, Plain, Quantities, Shape
from localcluster.kinds.shapes import LabelSelector, ObjectReference
from localcluster.validation import Problems

if TYPE_CHECKING:
    from localcluster.registry import Registry

Obj = dict[str, Any]
CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"
STANDARD, PROVISIONER = "standard", "localcluster/folder"
IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"
CLAIM_FINALIZER, VOLUME_FINALIZER = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
LISTS = {"conditions": ("type",)}
_ACCESS = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_MODES = ("Block", "Filesystem")
_RECLAIM = ("Delete", "Recycle", "Retain")
_BINDING = ("Immediate", "WaitForFirstConsumer")
_FIXED = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)
_GROWS = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc "
    "must support resize"
)
_STANDARD = {"metadata": {"name": STANDARD, "annotations": {IS_DEFAULT: "true"}}, "provisioner": PROVISIONER}
#: The class of a claim that names none.
FIRST: tuple[tuple[str, Obj], ...] = ((CLASSES, _STANDARD),)
#: What a volume's spec says beside the one source of what it holds.
_NO_SOURCE = {
    "capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName",
    "mountOptions", "volumeMode", "nodeAffinity", "volumeAttributesClassName",
}  # fmt: skip


class Requests(Shape):
    requests: Quantities | None = None
    limits: Quantities | None = None


class ClaimSpec(Shape):
    access_modes: list[str] | None = None
    resources: Requests | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class Claim(Plain):
    spec: ClaimSpec | None = None  # type: ignore[assignment]


class VolumePath(Shape):
    path: str | None = None
    type: str | None = None


class VolumeSpec(Shape):
    access_modes: list[str] | None = None
    capacity: Quantities | None = None
    claim_ref: ObjectReference | None = None
    host_path: VolumePath | None = None
    local: VolumePath | None = None
    node_affinity: Json | None = None
    persistent_volume_reclaim_policy: str | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None


class Volume(Plain):
    spec: VolumeSpec | None = None  # type: ignore[assignment]


class StorageClass(Plain):
    provisioner: str | None = None
    parameters: dict[str, str] | None = None
    reclaim_policy: str | None = None
    volume_binding_mode: str | None = None
    allow_volume_expansion: bool | None = None
    mount_options: list[str] | None = None


# claims


def default_claim(obj: Obj) -> None:
    default_claim_spec(obj.setdefault("spec", {}))


def default_claim_spec(spec: Obj) -> None:
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("resources", {})


def admit_claim(registry: Registry, obj: Obj) -> None:
    """A claim that names no class is of the default one, where there is one; none goes while it is used."""
    _protect(obj, CLAIM_FINALIZER)
    if "storageClassName" in obj["spec"]:
        return
    marked = [one for one in registry.list(CLASSES) if _is_default(one)]
    if marked:
        newest = max(marked, key=lambda one: str(one["metadata"]["creationTimestamp"]))
        obj["spec"]["storageClassName"] = newest["metadata"]["name"]


def _is_default(storage_class: Obj) -> bool:
    return (storage_class["metadata"].get("annotations") or {}).get(IS_DEFAULT) == "true"


def prepare(obj: Obj, old: Obj | None, now: datetime) -> None:
    if old is None:
        obj["status"] = {"phase": "Pending"}


def validate_claim(obj: Obj, old: Obj | None, problems: Problems) -> None:
    if old is None:
        validate_claim_spec(obj["spec"], "spec", problems)
        return
    asked, before = obj["spec"], old["spec"]
    bound_now = {"volumeName"} if not before.get("volumeName") else set()
    for name in asked.keys() | before.keys():
        if name not in {"resources", *bound_now} and asked.get(name) != before.get(name):
            return problems.forbidden("spec", _FIXED)
    if asked["resources"] != before["resources"]:
        problems.forbidden("spec.resources", _GROWS)


def validate_claim_spec(spec: Obj, at: str, problems: Problems) -> None:
    _check_modes(spec, at, problems)
    size = (spec["resources"].get("requests") or {}).get("storage")
    _check_size(size, f"{at}.resources[storage]", problems)


def _check_modes(spec: Obj, at: str, problems: Problems) -> None:
    if not spec.get("accessModes"):
        problems.required(f"{at}.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or []:
        problems.one_of(f"{at}.accessModes", mode, _ACCESS)
    problems.one_of(f"{at}.volumeMode", spec["volumeMode"], _MODES)


def _check_size(size: Any, at: str, problems: Problems) -> None:
    if size is None:
        problems.required(at)
    elif quantities.parse(size) <= 0:
        problems.invalid(at, size, "must be greater than zero")


# volumes


def default_volume(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def admit_volume(registry: Registry, obj: Obj) -> None:
    _protect(obj, VOLUME_FINALIZER)


def _protect(obj: Obj, finalizer: str) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)


def validate_volume(obj: Obj, old: Obj | None, problems: Problems) -> None:
    spec = obj["spec"]
    _check_modes(spec, "spec", problems)
    if not spec.get("capacity"):
        problems.required("spec.capacity")
    else:
        _check_size(spec["capacity"].get("storage"), "spec.capacity[storage]", problems)
    problems.one_of("spec.persistentVolumeReclaimPolicy", spec["persistentVolumeReclaimPolicy"], _RECLAIM)
    sources = sorted(spec.keys() - _NO_SOURCE)
    if not sources:
        problems.required("spec", "must specify a volume type")
    for extra in sources[1:]:
        problems.forbidden(f"spec.{extra}", "may not specify more than 1 volume type")
    _check_path(spec, problems)
    if old is not None and source_of(spec) != source_of(old["spec"]):
        why = "spec.persistentvolumesource is immutable after creation"
        problems.forbidden("spec.persistentvolumesource", why)


def _check_path(spec: Obj, problems: Problems) -> None:
    for name in ("hostPath", "local"):
        if name not in spec:
            continue
        path = spec[name].get("path", "")
        if not path:
            problems.required(f"spec.{name}.path")
        elif ".." in path.split("/"):
            problems.invalid(f"spec.{name}.path", path, "must not contain '..'")


def source_of(spec: Obj) -> Obj:
    """What holds the data, by the name of its kind."""
    return {name: value for name, value in spec.items() if name not in _NO_SOURCE}


# classes


def default_class(obj: Obj) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def validate_class(obj: Obj, old: Obj | None, problems: Problems) -> None:
    if not obj.get("provisioner"):
        problems.required("provisioner")
    problems.one_of("reclaimPolicy", obj["reclaimPolicy"], ("Delete", "Retain"))
    problems.one_of("volumeBindingMode", obj["volumeBindingMode"], _BINDING)
    if old is None:
        return
    for name in ("parameters", "provisioner"):
        if obj.get(name) != old.get(name):
            problems.forbidden(name, "updates to " + name + " are forbidden.")
    for name in ("reclaimPolicy", "volumeBindingMode"):
        problems.immutable(name, obj[name], old[name])
