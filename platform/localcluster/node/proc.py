"""Naming one process of this machine for good: pid, start time and boot, held by a pidfd.

A pid alone may belong to a stranger by the time it is signalled; nothing here signals without checking.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> str | None:
    """When `pid` started, in clock ticks since boot; None when it is gone, or dead and not collected."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else fields[19].decode()


@dataclass(frozen=True)
class Identity:
    """One process, never another that was given the same pid later."""

    pid: int
    start: str

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """From `<pid> <start>`, as the shim writes it. Raises ValueError."""
        pid, start = text.split()
        return cls(int(pid), start)

    def open(self) -> int | None:
        """A pidfd that surely is this process, for the caller to close; None when it has ended."""
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return None
        if start_ticks(self.pid) == self.start:  # checked after opening: the descriptor cannot change hands
            return fd
        os.close(fd)
        return None

    def signal(self, number: int) -> bool:
        """False when the process has ended: then nothing was signalled."""
        fd = self.open()
        if fd is None:
            return False
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)
        return True


def marked_with(entry: str) -> list[Identity]:
    """Every process whose environment holds exactly `entry` (`NAME=value`)."""
    wanted, found = entry.encode(), []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        start = start_ticks(int(name))
        try:
            environ = Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if start and wanted in environ.split(b"\0"):
            found.append(Identity(int(name), start))
    return found


def of_session(leader: int) -> list[Identity]:
    """Every living process of the session that `leader` began, in whatever group of it."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != b"Z":
                found.append(Identity(int(name), fields[19].decode()))
    return found


async def until_ended(child: int) -> None:
    """Until a child of ours has ended, whoever else holds its pipes; it is still to be collected."""
    over, loop, fd = asyncio.Event(), asyncio.get_running_loop(), os.pidfd_open(child)
    loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
