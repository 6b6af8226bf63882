"""This machine as a Node object: what it has, that it is ready, and the programs every pod finds."""

import os
import platform
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from localcluster import VERSION, times
from localcluster.status import ApiError

from . import gpus
from .addresses import HOST_IP
from .podstatus import merge_conditions
from .proc import boot_id

if TYPE_CHECKING:
    from localcluster.registry import Registry

Obj = dict[str, Any]
MAX_PODS = 110
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def capacity(home: Path, devices: list[gpus.Gpu]) -> dict[str, str]:
    """What pods may ask for in all."""
    amounts = {
        "cpu": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total // 1024}Ki",
        "pods": str(MAX_PODS),
        "ephemeral-storage": f"{shutil.disk_usage(home).total // 1024}Ki",
    }
    return amounts | ({"nvidia.com/gpu": str(len(devices))} if devices else {})


def labels(node_name: str, devices: list[gpus.Gpu]) -> dict[str, str]:
    machine = platform.machine()
    return {
        "kubernetes.io/hostname": node_name,
        "kubernetes.io/arch": ARCHITECTURES.get(machine, machine),
        "kubernetes.io/os": "linux",
    } | gpus.labels(devices)


def register(registry: "Registry", node_name: str, amounts: dict[str, str], devices: list[gpus.Gpu]) -> None:
    """Makes the Node object, or brings the one of an earlier start up to date; what users set on it stays."""
    wanted = labels(node_name, devices)
    try:
        registry.create("nodes", None, {"metadata": {"name": node_name, "labels": wanted}}, manager="kubelet")
    except ApiError as error:
        if error.code != 409:
            raise

    def relabel(node: Obj) -> None:
        node["metadata"]["labels"] = (node["metadata"].get("labels") or {}) | wanted

    def describe(node: Obj) -> None:
        status = node.setdefault("status", {})
        status |= {"capacity": amounts, "allocatable": amounts, "nodeInfo": node_info()}
        addresses = (("InternalIP", HOST_IP), ("Hostname", node_name))
        status["addresses"] = [{"type": kind, "address": address} for kind, address in addresses]

    for node in registry.list("nodes"):
        if node["metadata"]["name"] != node_name:  # this machine under an earlier name
            registry.delete("nodes", None, node["metadata"]["name"])
    registry.mutate("nodes", None, node_name, relabel, manager="kubelet")
    registry.mutate("nodes", None, node_name, describe, subresource="status", manager="kubelet")
    set_ready(registry, node_name, True)


def node_info() -> dict[str, str]:
    system = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    machine = platform.machine()
    machine_id = Path("/etc/machine-id")
    return {
        "architecture": ARCHITECTURES.get(machine, machine),
        "bootID": boot_id(),
        "containerRuntimeVersion": "process://1",
        "kernelVersion": platform.release(),
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "machineID": machine_id.read_text().strip() if machine_id.exists() else "",
        "operatingSystem": "linux",
        "osImage": system.get("PRETTY_NAME", "Linux"),
        "systemUUID": "",
    }


def set_ready(registry: "Registry", node_name: str, ready: bool) -> None:
    """The heartbeat: conditions with the present time."""
    healthy = {
        "MemoryPressure": "SufficientMemory",
        "DiskPressure": "NoDiskPressure",
        "PIDPressure": "SufficientPID",
    }
    conditions = [
        {"type": kind, "status": "False", "reason": f"KubeletHas{word}"} for kind, word in healthy.items()
    ]
    words = (
        ("KubeletReady", "kubelet is posting ready status")
        if ready
        else ("KubeletNotReady", "node is shutting down")
    )
    conditions.append(
        {"type": "Ready", "status": "True" if ready else "False", "reason": words[0], "message": words[1]}
    )

    def change(node: Obj) -> None:
        status = node.setdefault("status", {})
        merged = merge_conditions(status.get("conditions") or [], conditions)
        for one in merged:
            one.pop("lastProbeTime", None)
            one["lastHeartbeatTime"] = times.now()
        status["conditions"] = merged

    registry.mutate("nodes", None, node_name, change, subresource="status", manager="kubelet")


def write_programs(folder: Path) -> None:
    """`python` and `python3` for machines that have no such command: the interpreter of this server.

    Scripts, not links: an interpreter started through a link would not find its virtual environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        path, beside = folder / name, folder / f".{name}.{os.getpid()}"
        beside.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        beside.chmod(0o755)
        beside.rename(path)
