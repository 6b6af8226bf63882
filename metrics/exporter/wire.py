"""The kubelet's answer, ListPodResourcesResponse of podresources/v1, taken apart by hand.

Four fields of four messages: less than a compiler of protocol buffers and its library would bring along.
"""

import re
from collections.abc import Iterator

from .holders import Holder, Holders

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_SHARED = re.compile("/vgpu(?=[0-9]+$)")  # GPU-...::2 is a share of one, on GKE nvidia0/vgpu2
GPU_RESOURCES = ("nvidia.com/gpu", "nvidia.com/mig-")


def holders(message: bytes) -> Holders:
    """Who was given which NVIDIA device, by what its plugin calls it. ValueError for another message."""
    found: Holders = {}
    for pod in _all(message, 1):
        name, namespace = _text(pod, 1), _text(pod, 2)
        for container in _all(pod, 3):
            for device in _all(container, 2):
                if not _text(device, 1).startswith(GPU_RESOURCES):
                    continue
                for given in _all(device, 2):
                    device_name, _, share = _SHARED.sub("::", given.decode()).partition("::")
                    holder = Holder(namespace, name, _text(container, 1), share=share)
                    found.setdefault(device_name, []).append(holder)
    return found


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
