"""The process beside every container: starts its command, writes its log, tells how it ended.

Run as `python -I -S shim.py DIR NOTIFY_FD`, in a session of its own, so that it outlives a killed server.
Standard library only, and as little of it as will do: each running container keeps one of these in memory.
DIR is described in `localcluster.node.attempt`, its only user. SIGTERM means: read DIR/stop and end the tree.
"""

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
READ_BYTES = 65536
PART_BYTES = 16384
DRAIN_SECONDS = 2.0
RETRY_SECONDS = 0.5


def start_ticks(pid: int) -> str:
    """When `pid` started, in clock ticks since boot; with the pid it names one process of this boot."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[19].decode()


def now() -> str:
    return str(time.time_ns())


class State:
    """DIR/state: `key=value` lines, always whole; who makes the file has claimed this attempt."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "state")
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        pid = os.getpid()
        self.values = {"phase": "starting", "boot": boot, "shim": f"{pid} {start_ticks(pid)}"}

    def _write_beside(self) -> str:
        path = f"{self.path}.{os.getpid()}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        lines = [f"{key}={' '.join(value.split())}\n" for key, value in self.values.items()]
        try:
            os.write(fd, "".join(lines).encode("utf-8", "replace"))
        finally:
            os.close(fd)
        return path

    def claim(self) -> bool:
        """False when another shim has this attempt already: then nothing may be started."""
        beside = self._write_beside()
        try:
            os.link(beside, self.path)
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
        return True

    def write(self, **values: str) -> None:
        self.values.update(values)
        os.rename(self._write_beside(), self.path)

    def write_at_last(self, **values: str) -> None:
        """How it ended is not lost to a full disk: waits until there is room, or the folder is gone."""
        while True:
            try:
                return self.write(**values)
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(RETRY_SECONDS)


class Log:
    """CRI log files DIR/log/<n>: `<time> <stream> <F|P> <text>`. Times rise: each names one record."""

    def __init__(self, folder: str, rotate_bytes: int, keep: int) -> None:
        self.folder, self.rotate_bytes, self.keep = folder, rotate_bytes, keep
        self.number, self.size, self.fd = 0, 0, -1
        self.last_ns, self.second, self.prefix = 0, 0, b""
        self.open()

    def open(self) -> None:
        path = os.path.join(self.folder, f"{self.number:08d}")
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = 0

    def rotate(self) -> None:
        self.number += 1
        os.close(self.fd)
        self.open()
        expired = os.path.join(self.folder, f"{self.number - self.keep:08d}")
        if os.path.exists(expired):
            os.unlink(expired)

    def stamp(self) -> bytes:
        self.last_ns = max(time.time_ns(), self.last_ns + 1)
        second, rest = divmod(self.last_ns, 1_000_000_000)
        if second != self.second:
            self.second = second
            self.prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%s%09dZ" % (self.prefix, rest)

    def write(self, records: list[bytes]) -> None:
        """A full disk costs lines, never the container."""
        data = b"".join(records)
        whole = self.size
        try:
            while data:
                written = os.write(self.fd, data)
                self.size += written
                data = data[written:]
        except OSError:
            os.ftruncate(self.fd, whole)
            self.size = whole
        if self.size >= self.rotate_bytes:
            self.rotate()


class Stream:
    """One pipe of the container, cut into records."""

    def __init__(self, name: bytes, fd: int, log: Log) -> None:
        self.name, self.fd, self.log, self.rest = name, fd, log, b""
        os.set_blocking(fd, False)

    def read(self) -> int | None:
        """Bytes taken from the pipe; 0 at its end, None when there is nothing to take yet."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return None
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        records = []
        for line in lines:
            while len(line) > PART_BYTES:
                records.append(self.record(b"P", line[:PART_BYTES]))
                line = line[PART_BYTES:]
            records.append(self.record(b"F", line))
        while len(self.rest) > PART_BYTES:
            records.append(self.record(b"P", self.rest[:PART_BYTES]))
            self.rest = self.rest[PART_BYTES:]
        if not data and self.rest:
            records.append(self.record(b"F", self.rest))
            self.rest = b""
        if records:
            self.log.write(records)
        return len(data)

    def record(self, tag: bytes, text: bytes) -> bytes:
        return b"%s %s %s %s\n" % (self.log.stamp(), self.name, tag, text)


def living_children() -> dict[int, list[int]]:
    """Process ids by the id of their parent; the dead that wait to be collected are left out."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue
            if state != b"Z":
                children.setdefault(int(parent), []).append(int(entry))
    return children


def descendants() -> list[int]:
    """Everything below this process: as the subreaper it inherits whatever its container leaves behind."""
    children, found = living_children(), [os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def signal_tree(number: int) -> None:
    for pid in descendants():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def find_program(name: bytes, search: bytes) -> bytes:
    """The file to run for `name`, looked for along `search`. Raises FileNotFoundError."""
    if b"/" in name:
        return name
    for folder in search.split(b":"):
        path = os.path.join(folder or b".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(2, "executable file not found in $PATH")


class Container:
    """The command, its pipes and everything that it starts, from first to last process."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.state = State(folder)
        self.command = b""
        self.pid = 0
        self.exit_status: int | None = None
        self.deadline: float | None = None  # monotonic; when the tree is killed, once it is being stopped
        self.reason = ""
        self.pause_ms = 2

    def start(self) -> None:
        """Starts the command that DIR/spec describes; OSError when it cannot be."""
        path = os.path.join(self.folder, "spec")
        with open(path, "rb") as file:
            cwd, rotate_bytes, keep, argc, *rest = file.read().split(b"\0")
        os.unlink(path)  # it holds secrets, and it has been read
        argv, pairs = rest[: int(argc)], rest[int(argc) :]
        self.command = argv[0]
        env = dict(pair.split(b"=", 1) for pair in pairs)
        log = Log(os.path.join(self.folder, "log"), int(rotate_bytes), int(keep))
        out, err = os.pipe(), os.pipe()
        self.streams = [Stream(b"stdout", out[0], log), Stream(b"stderr", err[0], log)]
        os.chdir(cwd)
        self.pid = self.spawn(find_program(argv[0], env.get(b"PATH", b"")), argv, env, out[1], err[1])
        os.chdir("/")
        os.close(out[1])
        os.close(err[1])

    def spawn(self, program: bytes, argv: list[bytes], env: dict[bytes, bytes], out: int, err: int) -> int:
        null = os.open("/dev/null", os.O_RDONLY)
        actions = [
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, err, 2),
        ]
        defaults = {
            signal.SIGPIPE,
            signal.SIGXFSZ,
            signal.SIGTERM,
            signal.SIGINT,
            signal.SIGHUP,
            signal.SIGCHLD,
        }
        try:
            return os.posix_spawn(
                program, argv, env, file_actions=actions, setsid=True, setsigdef=defaults, setsigmask=()
            )
        finally:
            os.close(null)

    def stop(self) -> None:
        """Asked to end: TERM to the whole tree now, KILL when the grace is over. Asked again, sooner wins."""
        try:
            with open(os.path.join(self.folder, "stop")) as file:
                grace, _, reason = file.read().partition(" ")
            deadline = time.monotonic() + float(grace)
        except (OSError, ValueError):
            deadline, reason = time.monotonic() + 30, ""
        first = self.deadline is None
        self.deadline = deadline if self.deadline is None else min(self.deadline, deadline)
        self.reason = reason or self.reason
        if first and deadline > time.monotonic():
            signal_tree(signal.SIGTERM)

    def reap(self) -> bool:
        """Collects the dead; False when no child of any kind is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.exit_status = status

    def overdue(self) -> bool:
        """True when what is left has to be killed: the command ended by itself, or the grace is over."""
        if self.deadline is None:
            return self.exit_status is not None
        return time.monotonic() >= self.deadline

    def run(self, wake: int) -> None:
        """Until the last process of the tree is gone and the pipes are empty."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        by_fd = {stream.fd: stream for stream in self.streams}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        alive = True
        while alive:
            for fd, _ in poll.poll(self.wait_ms()):
                if fd == wake:
                    if signal.SIGTERM in os.read(wake, 512):
                        self.stop()
                elif by_fd[fd].read() == 0:
                    poll.unregister(fd)
            alive = self.reap()
            if alive and self.overdue():
                signal_tree(signal.SIGKILL)
        self.drain()

    def wait_ms(self) -> int | None:
        if self.deadline is None:
            left = 0.0
            if self.exit_status is None:
                return None
        else:
            left = self.deadline - time.monotonic()
        if left > 0:
            return int(left * 1000) + 1
        self.pause_ms = min(2 * self.pause_ms, 1000)  # a process stuck in the kernel dies when it comes back
        return self.pause_ms

    def drain(self) -> None:
        """What the dead left in the pipes. A stranger that was handed a pipe cannot hold us here."""
        deadline = time.monotonic() + DRAIN_SECONDS
        for stream in self.streams:
            while stream.read() and time.monotonic() < deadline:
                pass
            if stream.rest:
                stream.log.write([stream.record(b"F", stream.rest)])
                stream.rest = b""

    def outcome(self) -> dict[str, str]:
        """Exit code as a shell gives it: 128 + signal for a command that was killed."""
        status = self.exit_status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return {"exit_code": str(128 + number), "signal": str(number), "reason": self.reason}
        return {"exit_code": str(os.WEXITSTATUS(status)), "reason": self.reason}


def explain(error: Exception, command: bytes) -> dict[str, str]:
    """Why nothing runs: 127 when there is no such command, else 128."""
    code = "127" if isinstance(error, FileNotFoundError) else "128"
    words = getattr(error, "strerror", None) or str(error)
    message = f'exec: "{command.decode("utf-8", "replace")}": {words}'
    return {"exit_code": code, "reason": "StartError", "message": message}


def notify(fd: int) -> None:
    """Tells the server, if it still lives, that the state file is worth reading."""
    try:
        os.write(fd, b"\n")
        os.close(fd)
    except OSError:
        pass


def main() -> None:
    folder, notify_fd = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(notify_fd, False)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, wake_write = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    container = Container(folder)
    if not container.state.claim():
        return
    started = now()
    try:
        container.start()
    except Exception as error:  # whatever it was, the server has to hear of it
        outcome = explain(error, container.command)
        container.state.write_at_last(phase="exited", started_at=started, finished_at=now(), **outcome)
        return notify(notify_fd)
    try:
        child = f"{container.pid} {start_ticks(container.pid)}"
    except OSError:
        child = f"{container.pid} 0"
    container.state.write_at_last(phase="running", started_at=started, child=child)
    notify(notify_fd)
    container.run(wake)
    container.state.write_at_last(phase="exited", finished_at=now(), **container.outcome())


if __name__ == "__main__":
    main()
    os._exit(0)  # nothing to tidy, and someone waits for this exit
