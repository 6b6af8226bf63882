"""A pod's volumes as folders on this machine. Used by the node's pods only.

Nothing can be mounted without containers, so each volume is a folder (hostPath: the place itself), and each
container is told where by environment variables; see `localcluster.node.environment`.
"""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from localcluster.kinds import storage
from localcluster.status import ApiError

from .fields import ConfigError, Machine, pod_field, resource_field

Obj = dict[str, Any]
Get = Callable[[str, str | None, str], Obj]  # (resource, namespace, name) -> object, as Registry.get
Files = Iterator[tuple[str, bytes]]


class Volumes:
    """Makes the folders of one pod below `root`."""

    def __init__(self, pod: Obj, root: Path, get: Get, machine: Machine) -> None:
        self.pod, self.root, self.get, self.machine = pod, root, get, machine

    def make(self) -> dict[str, Path]:
        """Every volume's folder by its name. Raises ConfigError, in kubelet's words, for a bad one."""
        return {volume["name"]: self._place(volume) for volume in self.pod["spec"].get("volumes") or []}

    def _place(self, volume: Obj) -> Path:
        try:
            if "hostPath" in volume:
                return host_path(volume["hostPath"])
            if "persistentVolumeClaim" in volume:
                return self._claimed(volume["persistentVolumeClaim"]["claimName"])
            return self._filled(volume)
        except (ConfigError, OSError, ValueError) as error:
            words = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
            raise ConfigError(words) from error

    def _claimed(self, name: str) -> Path:
        """The folder of the volume that a claim is bound to; every pod that uses the claim has the same."""
        try:
            claim = self.get(storage.CLAIMS, self.pod["metadata"]["namespace"], name)
            volume = self.get(storage.VOLUMES, None, claim["spec"].get("volumeName", ""))["spec"]
        except ApiError as error:
            raise ConfigError(str(error)) from error
        source = next(iter(storage.source_of(volume)))
        if source not in ("hostPath", "local"):
            raise ConfigError(f"the embedded cluster has no {source} volumes: use hostPath")
        return host_path(volume[source])

    def _filled(self, volume: Obj) -> Path:
        source = next((key for key in volume if key != "name"), "emptyDir")
        files = {
            "emptyDir": lambda _: iter(()),
            "configMap": self._config_map,
            "secret": self._secret,
            "downwardAPI": self._downward,
            "projected": self._projected,
        }.get(source)
        if files is None:
            raise ConfigError(f"the embedded cluster has no {source} volumes: use emptyDir or hostPath")
        folder = self.root / volume["name"]
        write_files(folder, files(volume.get(source) or {}))
        return folder

    def _config_map(self, source: Obj) -> Files:
        found = self._object("configmaps", "configmap", source.get("name", ""), source)
        texts = {key: text.encode() for key, text in (found.get("data") or {}).items()}
        return _chosen(texts | _decoded(found.get("binaryData")), source)

    def _secret(self, source: Obj) -> Files:
        found = self._object("secrets", "secret", source.get("secretName") or source.get("name", ""), source)
        return _chosen(_decoded(found.get("data")), source)

    def _object(self, resource: str, word: str, name: str, source: Obj) -> Obj:
        try:
            return self.get(resource, self.pod["metadata"]["namespace"], name)
        except ApiError as error:
            if source.get("optional"):
                return {}
            raise ConfigError(f'{word} "{name}" not found') from error

    def _downward(self, source: Obj) -> Files:
        for item in source.get("items") or []:
            if "fieldRef" in item:
                text = pod_field(self.pod, item["fieldRef"]["fieldPath"], self.machine)
            else:
                text = resource_field(self.pod, {}, item.get("resourceFieldRef") or {}, self.machine)
            yield item["path"], text.encode()

    def _projected(self, source: Obj) -> Files:
        makers = {"configMap": self._config_map, "secret": self._secret, "downwardAPI": self._downward}
        for one in source.get("sources") or []:
            for kind, inner in one.items():
                if kind not in makers:
                    raise ConfigError(f"the embedded cluster projects no {kind}")
                yield from makers[kind](inner)


def _decoded(data: dict[str, str] | None) -> dict[str, bytes]:
    return {key: base64.b64decode(text) for key, text in (data or {}).items()}


def _chosen(files: dict[str, bytes], source: Obj) -> Files:
    """All keys under their own names, or the `items` under the paths they ask for."""
    if not source.get("items"):
        yield from files.items()
        return
    for item in source["items"]:
        if item["key"] in files:
            yield item["path"], files[item["key"]]
        elif not source.get("optional"):
            raise ConfigError(f"references non-existent config key: {item['key']}")


def write_files(folder: Path, files: Files) -> None:
    """Writes only below `folder`. Raises ConfigError for a path that leads out of it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, data in files:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise ConfigError(f"invalid path: {name}")
        path = folder / parts
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def host_path(source: Obj) -> Path:
    """The place itself, made or checked as its type asks. Raises ConfigError, OSError."""
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch()
    checks = {
        "Directory": path.is_dir,
        "DirectoryOrCreate": path.is_dir,
        "File": path.is_file,
        "FileOrCreate": path.is_file,
        "Socket": path.is_socket,
        "CharDevice": path.is_char_device,
        "BlockDevice": path.is_block_device,
    }
    if kind and not checks.get(kind, path.exists)():
        raise ConfigError(f"hostPath type check failed: {path} is not a {kind}")
    return path
