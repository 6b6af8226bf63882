"""Which ports the processes of a pod listen on, by the kernel's table of sockets. Used by the node's door."""

import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .addresses import HOST_IP

_LISTENING = "0A"
_ANY = ("0.0.0.0", "::")  # noqa: S104 recognised, not bound
_LOOPBACK = (HOST_IP, "::1")
Key = tuple[str, int]  # uid of a pod, port


@dataclass(frozen=True)
class Ear:
    """A socket that listens, reached at `address`; `descriptor` is its process's, below /proc."""

    address: str
    descriptor: str
    link: str

    @property
    def is_open(self) -> bool:
        """Whether it is that socket still; no other one ever gets its number."""
        try:
            return os.readlink(self.descriptor) == self.link
        except OSError:
            return False


class Ears:
    """Those found before, while they are open: the kernel takes milliseconds to write its table down."""

    def __init__(self) -> None:
        self._found: dict[Key, Ear] = {}

    def get(self, key: Key, look: Callable[[], Ear | None]) -> Ear | None:
        """What was found for `key`, else what `look` finds now."""
        self._found = {one: ear for one, ear in self._found.items() if ear.is_open}
        if key not in self._found and (ear := look()):
            self._found[key] = ear
        return self._found.get(key)


def listens(pids: Iterable[int], ip: str, port: int) -> Ear | None:
    """Where to reach `port` of the pod with these processes; None when none of them listens on it.

    Whose socket it is matters: on a shared machine the port may as well be a stranger's.
    """
    there = {f"socket:[{inode}]": address for address, inode in _listeners(port)}
    near = {link: address for link, address in there.items() if address in (ip, *_ANY, *_LOOPBACK)}
    if not near:
        return None
    own = [
        Ear(ip if near[link] in _ANY else near[link], descriptor, link)
        for pid in pids
        for descriptor, link in _sockets(pid)
        if link in near
    ]
    return min(own, key=lambda ear: ear.address != ip, default=None)


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


def _sockets(pid: int) -> Iterator[tuple[str, str]]:
    """(descriptor, link) of what the process has open; nothing of one that is gone."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                yield f"{folder}/{name}", os.readlink(f"{folder}/{name}")
