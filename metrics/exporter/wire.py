"""The kubelet's answer, ListPodResourcesResponse of podresources/v1, taken apart by hand.

A dozen fields of seven messages: less than a compiler of protocol buffers and its library would bring along.
"""

import re
from collections.abc import Iterator

from .holders import Holder, Holders

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_SHARED = re.compile("/vgpu(?=[0-9]+$)")  # GPU-...::2 is a share of one, on GKE nvidia0/vgpu2
GPU_RESOURCES = ("nvidia.com/gpu", "nvidia.com/mig-")
CLAIMED_BY = "gpu.nvidia.com"  # the driver of dynamic resource allocation
#: How it names a whole GPU to the container's runtime, for the device or for the device of a claim.
_IN_CDI = re.compile("k8s[.]gpu[.]nvidia[.]com/(?:device|claim)=(?:[0-9a-f-]{36}-)?(gpu-[0-9]+)")


def holders(message: bytes) -> Holders:
    """Who was given which NVIDIA device, by what its plugin calls it. ValueError for another message."""
    found: Holders = {}
    for pod in _all(message, 1):
        name, namespace = _text(pod, 1), _text(pod, 2)
        for container in _all(pod, 3):
            for device, share in dict.fromkeys((*_given(container), *_claimed(container))):
                holder = Holder(namespace, name, _text(container, 1), share=share)
                found.setdefault(device, []).append(holder)
    return found


def _given(container: bytes) -> Iterator[tuple[str, str]]:
    """Devices of device plugins, and which share of them."""
    for device in _all(container, 2):
        if _text(device, 1).startswith(GPU_RESOURCES):
            for given in _all(device, 2):
                name, _, share = _SHARED.sub("::", given.decode()).partition("::")
                yield name, share


def _claimed(container: bytes) -> Iterator[tuple[str, str]]:
    """Those of claims. Older kubelets tell only what the runtime calls them."""
    for dynamic in _all(container, 5):
        for claimed in _all(dynamic, 4):
            if _text(claimed, 2) == CLAIMED_BY:
                yield _text(claimed, 4), _text(claimed, 5)
                continue
            for device in _all(claimed, 1):
                if named := _IN_CDI.fullmatch(_text(device, 1)):
                    yield named[1], ""


def _all(message: bytes, number: int) -> list[bytes]:
    return [value for field, value in _fields(message) if field == number]


def _text(message: bytes, number: int) -> str:
    """The last value counts, as the format has it."""
    return (_all(message, number) or [b""])[-1].decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of every field of variable length; the others are stepped over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            continue
        size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind, -1)
        if kind == _BYTES:
            size, at = _varint(message, at)
        if size < 0 or at + size > len(message):
            raise ValueError("the kubelet's answer is cut off or no PodResources")
        if kind == _BYTES:
            yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise ValueError("the kubelet's answer is cut off or no PodResources")
