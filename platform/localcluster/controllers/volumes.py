"""Binds claims to volumes, makes those of its own class as folders, and takes them back with their claims."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from localcluster import quantities, selectors
from localcluster.kinds import storage
from localcluster.kinds.storage import CLAIMS, CLASSES, VOLUMES
from localcluster.status import ApiError

from .runner import Controller

Obj = dict[str, Any]
Key = tuple[str, str | None, str]  # resource, namespace, name
COMPONENT = "persistentvolume-controller"
_BY, _DONE = "pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/bind-completed"
_BOUND_HERE = "pv.kubernetes.io/bound-by-controller"


class VolumeController(Controller):
    """`folder` holds what the volumes of its own class hold, each in a folder of its name."""

    resources = (CLASSES, VOLUMES, CLAIMS, "pods")

    def __init__(self, registry: Any, folder: Path) -> None:
        super().__init__(registry)
        self.folder = folder.absolute()
        self._removals: dict[str, asyncio.Task[None]] = {}  # under way, by the volume's name

    async def stop(self) -> None:
        await super().stop()
        await asyncio.gather(*self._removals.values(), return_exceptions=True)

    def keys(self, event: Any) -> Iterable[Key]:
        meta = event.object["metadata"]
        if event.resource == "pods":
            yield from claims_of(event.object)
            return
        yield event.resource, meta.get("namespace"), meta["name"]
        if event.resource == CLAIMS:
            yield VOLUMES, None, event.object["spec"].get("volumeName", "")
        elif reference := event.object.get("spec", {}).get("claimRef"):
            yield CLAIMS, reference.get("namespace"), reference.get("name", "")

    def reconcile(self, key: Key) -> float | None:
        resource, _, name = key
        if resource == CLASSES or (resource == VOLUMES and self._volume(name)):
            for claim in self.registry.list(CLAIMS):  # it may be what one of them waits for
                if claim["status"]["phase"] == "Pending":
                    self.add((CLAIMS, claim["metadata"]["namespace"], claim["metadata"]["name"]))
        elif resource == CLAIMS and (found := self._read(key)):
            self._claim(found)
        return None

    def _read(self, key: Key) -> Obj | None:
        try:
            found: Obj = self.registry.get(*key)
        except ApiError:
            return None
        return found

    def _tell(self, obj: Obj, resource: str, status: Obj) -> None:
        def change(current: Obj) -> None:
            current["status"] = status

        meta = obj["metadata"]
        self.registry.mutate(
            resource, meta.get("namespace"), meta["name"], change, subresource="status", manager=COMPONENT
        )

    def _release(self, obj: Obj, resource: str, finalizer: str) -> None:
        """What is being deleted may go."""

        def change(current: Obj) -> None:
            kept = [one for one in current["metadata"].get("finalizers") or [] if one != finalizer]
            current["metadata"]["finalizers"] = kept

        meta = obj["metadata"]
        self.registry.mutate(resource, meta.get("namespace"), meta["name"], change, manager=COMPONENT)

    # claims

    def _claim(self, claim: Obj) -> None:
        meta, phase = claim["metadata"], claim["status"]["phase"]
        if meta.get("deletionTimestamp"):
            if not self._used(claim, bound=True):
                self._release(claim, CLAIMS, storage.CLAIM_FINALIZER)
        elif phase == "Pending":
            volume = self._found(claim) or self._provisioned(claim)
            if volume:
                self._bind(claim, volume)
        elif phase == "Bound" and not self._read((VOLUMES, None, claim["spec"]["volumeName"])):
            self._tell(claim, CLAIMS, claim["status"] | {"phase": "Lost"})
            words = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            self.registry.event(claim, "Warning", "ClaimLost", words, COMPONENT)

    def _used(self, claim: Obj, *, bound: bool) -> bool:
        """Whether a pod names it; `bound`: one that a node has."""
        key = (CLAIMS, claim["metadata"]["namespace"], claim["metadata"]["name"])
        pods = self.registry.list("pods", claim["metadata"]["namespace"])
        return any(key in claims_of(pod) and (pod["spec"].get("nodeName") or not bound) for pod in pods)

    def _found(self, claim: Obj) -> Obj | None:
        """The volume that is kept for it, else the smallest free one that is enough."""
        every = self.registry.list(VOLUMES)
        kept = [one for one in every if _is_for(one["spec"].get("claimRef"), claim["metadata"])]
        free = [one for one in every if "claimRef" not in one["spec"] and _suits(one, claim)]
        wanted = claim["spec"].get("volumeName")
        named = [one for one in [*kept, *free] if not wanted or one["metadata"]["name"] == wanted]
        return min(named, key=lambda one: ("claimRef" not in one["spec"], _size(one)), default=None)

    def _provisioned(self, claim: Obj) -> Obj | None:
        """A new volume of the claim's class; None where that is not ours to make, or not yet."""
        if claim["spec"].get("volumeName"):
            return None  # it waits for that one
        storage_class = self._read((CLASSES, None, claim["spec"].get("storageClassName", "")))
        if storage_class is None:
            why = (
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            )
        elif storage_class["provisioner"] != storage.PROVISIONER:
            why = ("ExternalProvisioning", _external(storage_class["provisioner"]))
        elif storage_class["volumeBindingMode"] != "Immediate" and not self._used(claim, bound=False):
            why = ("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
        else:
            return self._made(claim, storage_class)
        self.registry.event(claim, "Normal", *why, COMPONENT)
        return None

    def _made(self, claim: Obj, storage_class: Obj) -> Obj:
        """The volume; its folder comes when it is bound: a kill leaves no folder that nothing names."""
        name = f"pvc-{claim['metadata']['uid']}"
        spec = {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "hostPath": {"path": str(self.folder / name), "type": "DirectoryOrCreate"},
            "persistentVolumeReclaimPolicy": storage_class["reclaimPolicy"],
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": claim["spec"]["volumeMode"],
            "claimRef": _reference(claim),
        }
        made = {"metadata": {"name": name, "annotations": {_BY: storage.PROVISIONER}}, "spec": spec}
        volume: Obj = self.registry.create(VOLUMES, None, made, manager=COMPONENT)
        words = f"Successfully provisioned volume {name}"
        self.registry.event(claim, "Normal", "ProvisioningSucceeded", words, COMPONENT)
        return volume

    def _bind(self, claim: Obj, volume: Obj) -> None:
        """The volume says whose it is first: whoever reads a bound claim may use its volume."""
        meta, name = claim["metadata"], volume["metadata"]["name"]
        if _is_own(volume):  # here, not in _made: who was killed after that comes by here again
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

        def keep(current: Obj) -> None:
            current["spec"]["claimRef"] = _reference(claim)

        def take(current: Obj) -> None:
            current["spec"]["volumeName"] = name
            current["metadata"].setdefault("annotations", {})[_DONE] = "yes"
            if not claim["spec"].get("volumeName"):
                current["metadata"]["annotations"][_BOUND_HERE] = "yes"

        self.registry.mutate(VOLUMES, None, name, keep, manager=COMPONENT)
        taken = self.registry.mutate(CLAIMS, meta["namespace"], meta["name"], take, manager=COMPONENT)
        spec = volume["spec"]
        told = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["capacity"]}
        self._tell(taken, CLAIMS, told)

    # volumes

    def _volume(self, name: str) -> bool:
        """Tells how a volume is; whether a claim may take it."""
        volume = self._read((VOLUMES, None, name))
        if volume is None:
            return False
        phase = self._phase(volume)
        if phase == "Released" and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
            return self._take_back(volume)
        if volume["status"].get("phase") != phase:
            self._tell(volume, VOLUMES, {"phase": phase})
        if volume["metadata"].get("deletionTimestamp") and phase != "Bound":
            self._release(volume, VOLUMES, storage.VOLUME_FINALIZER)
            return False
        return phase == "Available"

    def _phase(self, volume: Obj) -> str:
        reference = volume["spec"].get("claimRef")
        if not reference:
            return "Available"
        claim = self._read((CLAIMS, reference.get("namespace"), reference.get("name", "")))
        if not reference.get("uid"):
            return "Available"  # kept for a claim that is still to come, or to be bound
        if claim is None or claim["metadata"]["uid"] != reference["uid"]:
            return "Released"
        bound = claim["spec"].get("volumeName") == volume["metadata"]["name"]
        return "Bound" if bound else "Available"

    def _take_back(self, volume: Obj) -> bool:
        """With the claim of one that was made here goes what it held; others are their makers' business."""
        name, words = volume["metadata"]["name"], "error getting deleter volume plugin for volume"
        if not _is_own(volume):
            self._tell(volume, VOLUMES, {"phase": "Failed", "message": f'{words} "{name}"'})
            return False
        if os.path.lexists(self.folder / name):
            if name not in self._removals:
                self._removals[name] = asyncio.create_task(self._remove(volume))
            return False
        if not volume["metadata"].get("deletionTimestamp"):
            self.registry.delete(VOLUMES, None, name)
        self._release(volume, VOLUMES, storage.VOLUME_FINALIZER)
        return False

    async def _remove(self, volume: Obj) -> None:
        """Beside the loop, however much there is; then the volume goes, or says why it cannot."""
        name = volume["metadata"]["name"]
        problem = await asyncio.to_thread(_removed, self.folder / name)
        del self._removals[name]
        if not problem:
            return self.add((VOLUMES, None, name))
        with contextlib.suppress(ApiError):  # the volume itself may be gone by now
            self._tell(volume, VOLUMES, {"phase": "Failed", "message": problem})
            self.registry.event(volume, "Warning", "VolumeFailedDelete", problem, COMPONENT)


def _removed(folder: Path) -> str:
    """Removes a folder with all that is in it, also what may only be read; why something stays, in words."""
    try:
        try:
            shutil.rmtree(folder)
        except PermissionError:
            _let_write(folder)
            shutil.rmtree(folder)
    except OSError as error:
        if os.path.lexists(folder):
            where, why = error.filename or folder, error.strerror or error
            return f"cannot remove {where}: {why}; remove it by hand, then delete the volume"
    return ""


def _let_write(folder: Path) -> None:
    """In every folder from there on, but in none that a link leads to."""
    folder.chmod(0o700)
    for parent, inner, _ in os.walk(folder):
        for one in inner:
            if not (Path(parent) / one).is_symlink():
                (Path(parent) / one).chmod(0o700)


def _external(provisioner: str) -> str:
    who = f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually"
    return f"{who} by the system administrator."


def claims_of(pod: Obj) -> list[Key]:
    """The claims that a pod uses."""
    sources = [one.get("persistentVolumeClaim") for one in pod["spec"].get("volumes") or []]
    return [(CLAIMS, pod["metadata"]["namespace"], one["claimName"]) for one in sources if one]


def _is_own(volume: Obj) -> bool:
    """Whether it was made here."""
    return (volume["metadata"].get("annotations") or {}).get(_BY) == storage.PROVISIONER


def _reference(claim: Obj) -> Obj:
    meta = claim["metadata"]
    named = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "resourceVersion": meta["resourceVersion"]}
    return named | {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _is_for(reference: Obj | None, meta: Obj) -> bool:
    """Whether a volume is kept for this claim, or for one of its name that is still to come."""
    if not reference or any(reference.get(name) != meta[name] for name in ("namespace", "name")):
        return False
    return reference.get("uid") in (None, meta["uid"])


def _suits(volume: Obj, claim: Obj) -> bool:
    offered, asked = volume["spec"], claim["spec"]
    return (
        not volume["metadata"].get("deletionTimestamp")
        and offered.get("storageClassName", "") == asked.get("storageClassName", "")
        and set(asked["accessModes"]) <= set(offered["accessModes"])
        and offered["volumeMode"] == asked["volumeMode"]
        and _size(volume) >= quantities.parse(asked["resources"]["requests"]["storage"])
        and selectors.match_labels(asked.get("selector") or {}, volume["metadata"].get("labels") or {})
    )


def _size(volume: Obj) -> Any:
    return quantities.parse(volume["spec"]["capacity"]["storage"])
