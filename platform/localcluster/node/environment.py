"""Environment, arguments and working folder of a container's process. Used by the node's pods only.

A process gets a few variables of the machine, those of Kubernetes, the places that a container would have had
mounted, and those of its container. The places are RUNYARD_VOLUME_<NAME> for each volume and
RUNYARD_MOUNT_<PATH> for each mount (`/data/in` is RUNYARD_MOUNT_DATA_IN), usable as $(NAME) in command, args
and env. Nothing else of the server's own environment is passed on.
"""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.status import ApiError

from .addresses import pod_ip
from .fields import ConfigError, Machine, pod_field, resource_field

Obj = dict[str, Any]
Get = Callable[[str, str | None, str], Obj]
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "LD_LIBRARY_PATH")
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def expand(text: str, known: dict[str, str]) -> str:
    """$(NAME) by its value, $$ by $; a name that is not known stays as it is written."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] is None else known.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


@dataclass(frozen=True)
class Places:
    """The folders of one pod on this machine; `programs` is searched for commands after everything else."""

    scratch: Path
    temporary: Path
    volumes: dict[str, Path]
    programs: Path


class Environment:
    """Makes what one container's process needs to start."""

    def __init__(self, pod: Obj, container: Obj, places: Places, machine: Machine, get: Get) -> None:
        self.pod, self.container, self.places, self.machine, self.get = pod, container, places, machine, get
        self.namespace = pod["metadata"]["namespace"]
        self.mounts = {
            mount["mountPath"]: self._mounted(mount) for mount in container.get("volumeMounts") or []
        }

    def variables(self, gpus: list[str]) -> dict[str, str]:
        """Every variable; `gpus` are the UUIDs of this container's devices. Raises ConfigError."""
        known = self._machine_variables() | self._place_variables()
        for source in self.container.get("envFrom") or []:
            known |= self._whole_object(source)
        for variable in self.container.get("env") or []:
            value = self._value(variable, known)
            if value is not None:
                known[variable["name"]] = value
        return known | self._gpu_variables(gpus)

    def arguments(self, known: dict[str, str]) -> list[str]:
        words = [*(self.container.get("command") or []), *(self.container.get("args") or [])]
        return [expand(word, known) for word in words]

    def folder(self) -> Path:
        """The working folder: below a mount its volume, else the machine's own, else made in scratch."""
        asked = self.container.get("workingDir") or ""
        for mount, place in sorted(self.mounts.items(), reverse=True):
            if asked == mount or asked.startswith(mount.rstrip("/") + "/"):
                return _made(place / asked[len(mount) :].lstrip("/"))
        if asked.startswith("/") and os.path.isdir(asked):
            return Path(asked)
        return _made(_below(self.places.scratch, asked))

    def _mounted(self, mount: Obj) -> Path:
        place = self.places.volumes.get(mount["name"])
        if place is None:
            raise ConfigError(f'volume "{mount["name"]}" not found')
        return _below(place, mount.get("subPath") or "")

    def _machine_variables(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in INHERITED if os.environ.get(name)}
        known["PATH"] = f"{known.get('PATH', os.defpath)}:{self.places.programs}"
        known |= {"HOSTNAME": self.pod["spec"].get("hostname") or self.pod["metadata"]["name"]}
        known |= {"TMPDIR": str(self.places.temporary), "PYTHONUNBUFFERED": "1"}
        known["POD_IP"] = pod_ip(self.pod)
        known.setdefault("HOME", str(self.places.scratch))
        known.setdefault("LANG", "C.UTF-8")
        if self.machine.service:
            host, port = self.machine.service
            known |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}
            known |= {"KUBERNETES_PORT": f"tcp://{host}:{port}"}
        return known

    def _place_variables(self) -> dict[str, str]:
        volumes = {f"RUNYARD_VOLUME_{shouted(name)}": str(path) for name, path in self.places.volumes.items()}
        return volumes | {f"RUNYARD_MOUNT_{shouted(path)}": str(place) for path, place in self.mounts.items()}

    def _gpu_variables(self, gpus: list[str]) -> dict[str, str]:
        """On a machine with GPUs a process sees its own and no others, whatever its spec says."""
        if not self.machine.has_gpus:
            return {}
        return {"CUDA_VISIBLE_DEVICES": ",".join(gpus), "NVIDIA_VISIBLE_DEVICES": ",".join(gpus) or "void"}

    def _whole_object(self, source: Obj) -> dict[str, str]:
        prefix = source.get("prefix") or ""
        if "configMapRef" in source:
            data = self._data("ConfigMap", source["configMapRef"]) or {}
        else:
            data = self._data("Secret", source.get("secretRef") or {}) or {}
        return {prefix + key: text for key, text in data.items() if _ENV_NAME.fullmatch(prefix + key)}

    def _value(self, variable: Obj, known: dict[str, str]) -> str | None:
        """The text of one variable; None when an optional source is not there."""
        source = variable.get("valueFrom") or {}
        if "fieldRef" in source:
            return pod_field(self.pod, source["fieldRef"]["fieldPath"], self.machine)
        if "resourceFieldRef" in source:
            return resource_field(self.pod, self.container, source["resourceFieldRef"], self.machine)
        for word, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            if key in source:
                return self._key(word, source[key])
        return expand(variable.get("value") or "", known)

    def _key(self, word: str, ref: Obj) -> str | None:
        data = self._data(word, ref)
        if data is not None and ref["key"] in data:
            return data[ref["key"]]
        if ref.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {ref['key']} in {word} {self.namespace}/{ref['name']}")

    def _data(self, word: str, ref: Obj) -> dict[str, str] | None:
        """What a ConfigMap or Secret holds, as text; None when it is optional and not there."""
        try:
            found = self.get(f"{word.lower()}s", self.namespace, ref.get("name", ""))
        except ApiError as error:
            if ref.get("optional"):
                return None
            raise ConfigError(f'{word.lower()} "{ref.get("name", "")}" not found') from error
        data: dict[str, str] = found.get("data") or {}
        if word == "ConfigMap":
            return data
        return {key: base64.b64decode(text).decode("utf-8", "surrogateescape") for key, text in data.items()}


def shouted(name: str) -> str:
    """`/data/in-put` as DATA_IN_PUT: the part of a variable's name that stands for a volume or a path."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper() or "ROOT"


def _below(folder: Path, path: str) -> Path:
    """`path` inside `folder`, wherever it tries to lead."""
    return folder / os.path.normpath("/" + path.lstrip("/")).lstrip("/")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot use workingDir {folder}: {error.strerror}") from error
    return folder
