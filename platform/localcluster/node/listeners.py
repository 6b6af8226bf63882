"""Which ports the processes of a pod listen on, by the kernel's table of sockets. Used by the node's door."""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .addresses import HOST_IP

FRESH_SECONDS = 2.0
_LISTENING = "0A"
_ANY = ("0.0.0.0", "::")  # noqa: S104 recognised, not bound
_LOOPBACK = (HOST_IP, "::1")
Key = tuple[str, int]  # uid of a pod, port


class Recent:
    """Addresses found in the last seconds: the kernel takes milliseconds to write its table down."""

    def __init__(self) -> None:
        self._found: dict[Key, tuple[str, float]] = {}

    def get(self, key: Key, look: Callable[[], str | None]) -> str | None:
        """What was found for `key` of late, else what `look` finds now."""
        now = time.monotonic()
        self._found = {one: found for one, found in self._found.items() if now - found[1] < FRESH_SECONDS}
        if key not in self._found and (address := look()):
            self._found[key] = (address, now)
        return self._found[key][0] if key in self._found else None


def listens(pids: Iterable[int], ip: str, port: int) -> str | None:
    """Where to reach `port` of the pod with these processes; None when none of them listens on it.

    Whose socket it is matters: on a shared machine the port may as well be a stranger's.
    """
    candidates = [one for one in _listeners(port) if one[0] in (ip, *_ANY, *_LOOPBACK)]
    if not candidates:
        return None
    inodes = {f"socket:[{inode}]" for _, inode in candidates}
    owned = {link for pid in pids for link in _sockets(pid) if link in inodes}
    found = {address for address, inode in candidates if f"socket:[{inode}]" in owned}
    if ip in found or found & set(_ANY):
        return ip
    return next(iter(found), None)


def _listeners(port: int) -> list[tuple[str, str]]:
    """(address, inode) of every socket of this machine that listens on `port`."""
    found, marked = [], f":{port:04X} "
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            if marked in line and (words := line.split())[3] == _LISTENING and words[1].endswith(marked[:-1]):
                found.append((_address(words[1].partition(":")[0], family), words[9]))
    return found


def _address(text: str, family: socket.AddressFamily) -> str:
    """The kernel writes 32-bit words in the machine's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return socket.inet_ntop(family, b"".join(struct.pack("=I", word) for word in words))


def _sockets(pid: int) -> list[str]:
    folder, links = f"/proc/{pid}/fd", []
    try:
        for name in os.listdir(folder):
            try:
                links.append(os.readlink(f"{folder}/{name}"))
            except OSError:
                continue
    except OSError:
        return []
    return links
