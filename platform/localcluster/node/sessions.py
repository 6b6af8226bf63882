"""A command that somebody runs beside a container: in its environment and folder, on a terminal or on pipes.

It ends with its connection and with the container's run, and takes along all of its session, jobs of a shell
too; who has left that (a daemon) ends with the run. The node's door starts them; `Container.sessions` holds
those that run.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncIterator
from typing import IO

from localcluster.status import ApiError, bad_request

from .container import Container
from .proc import Identity, of_session, until_ended

_CHUNK_BYTES = 32 * 1024
_QUIET_SECONDS = 1.0  # when the command has ended and whoever left its session says nothing for so long
_KILLS = 10  # rounds, for what is started while we look
# The leader of a session gets the first terminal that it opens as its own, with the signals of the keyboard.
_ON_TERMINAL = 'exec 0<>"$0" 1>&0 2>&1; exec "$@"'


class Terminal:
    """Both ends of one; the command's is kept open here too, or ours would end before it begins."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self.name = os.ttyname(self.theirs)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.theirs)


class _Ears(asyncio.StreamReaderProtocol):
    """Linux ends a terminal with an error: what came before it is to be read all the same."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(None)


class _Output:
    """What the command says on one of its ways, and how to stop hearing it."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.reader, self.transport = reader, transport

    @classmethod
    async def of(cls, file: IO[bytes] | None) -> "_Output | None":
        if file is None:
            return None
        reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _Ears(reader), file)
        return cls(reader, transport)


async def _input(file: IO[bytes] | None) -> asyncio.StreamWriter | None:
    if file is None:
        return None
    loop, flow = asyncio.get_running_loop(), asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: flow, file)
    return asyncio.StreamWriter(transport, flow, None, loop)


class Session:
    """A command that runs; made by `start`."""

    def __init__(
        self,
        container: Container,
        process: subprocess.Popen[bytes],
        terminal: Terminal | None,
        ways: tuple[asyncio.StreamWriter | None, _Output | None, _Output | None],
    ) -> None:
        self._container, self._process, self._terminal = container, process, terminal
        self._input, self._output, self._error = ways
        self._over = asyncio.create_task(self._follow())
        container.sessions.add(self)

    async def _follow(self) -> int:
        """Its exit code, once it has ended and so has what it had started."""
        await until_ended(self._process.pid)
        self.kill()  # before it is collected: until then no stranger can have its number
        code = self._process.wait()
        self._container.sessions.discard(self)
        if self._terminal is not None:
            os.close(self._terminal.theirs)
            self._terminal = None
        if self._input is not None and self._input.transport.get_write_buffer_size():
            self._input.transport.abort()  # what nobody has read by now nobody will
        self.close_input()
        return code if code >= 0 else 128 - code

    async def write(self, data: bytes) -> None:
        """To its standard input; what nobody reads any more is lost."""
        if self._input is not None:
            with contextlib.suppress(OSError):
                self._input.write(data)
                await self._input.drain()

    def close_input(self) -> None:
        if self._input is not None:
            self._input.close()

    def resize(self, columns: int, rows: int) -> None:
        """Of its terminal, where it has one; the command is told by a signal. ValueError for no size."""
        if not (0 < columns < 2**16 and 0 < rows < 2**16):
            raise ValueError("a terminal has between 1 and 65535 columns and rows")
        if self._terminal is not None:
            self._terminal.resize(columns, rows)

    async def output(self, *, error: bool) -> AsyncIterator[bytes]:
        """What it says, until it has ended; on a terminal nothing is told apart as an error."""
        stream = self._error if error else self._output
        if stream is None:
            return
        try:
            while chunk := await self._read(stream.reader):
                yield chunk
        finally:
            stream.transport.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """Nothing at its end, nor when only somebody who left the session keeps it open, in silence."""
        reading = asyncio.ensure_future(reader.read(_CHUNK_BYTES))
        try:
            await asyncio.wait({reading, self._over}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({reading}, timeout=_QUIET_SECONDS)
            return reading.result() if reading.done() else b""
        finally:
            reading.cancel()

    async def ended(self) -> int:
        """Its exit code, as a shell has it."""
        return await self._over

    def kill(self) -> None:
        """At once, with all of its session; safe to repeat, also once it is over."""
        killed: set[Identity] = set()
        for _ in range(_KILLS):
            living = set() if self._process.returncode is not None else set(of_session(self._process.pid))
            if living <= killed:
                return
            for one in living - killed:
                with contextlib.suppress(PermissionError):
                    one.signal(signal.SIGKILL)
            killed |= living


async def start(container: Container, command: list[str], *, tty: bool, stdin: bool) -> Session:
    """ApiError 500 where there is no such program or it cannot be started, 400 for what is no command."""
    environment = container.visitor() | ({"TERM": "xterm"} if tty else {})
    program = os.path.join(container.cwd, command[0]) if "/" in command[0] else command[0]
    if not shutil.which(program, path=environment.get("PATH", os.defpath)):
        raise _failed(command, "executable file not found in $PATH")
    terminal = Terminal() if tty else None
    try:
        process = _spawned(container, command, environment, terminal, stdin=stdin)
    except (OSError, ValueError) as error:
        if terminal:
            terminal.close()
        if isinstance(error, ValueError):
            raise bad_request(f"the command cannot be run: {error}") from None
        raise _failed(command, str(error)) from None
    if terminal:
        theirs, ours = os.fdopen(os.dup(terminal.ours), "rb", 0), os.fdopen(terminal.ours, "wb", 0)
        return Session(container, process, terminal, (await _input(ours), await _Output.of(theirs), None))
    ways = await _input(process.stdin), await _Output.of(process.stdout), await _Output.of(process.stderr)
    return Session(container, process, None, ways)


def _spawned(
    container: Container,
    command: list[str],
    environment: dict[str, str],
    terminal: Terminal | None,
    *,
    stdin: bool,
) -> subprocess.Popen[bytes]:
    """Raises OSError, and ValueError for words that no process can be given."""
    pipe = subprocess.DEVNULL if terminal else subprocess.PIPE
    return subprocess.Popen(
        ["/bin/sh", "-c", _ON_TERMINAL, terminal.name, *command] if terminal else command,
        env=environment,
        cwd=container.cwd,
        stdin=pipe if stdin else subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
        bufsize=0,
    )


def _failed(command: list[str], why: str) -> ApiError:
    words = f'error executing command in container: exec: "{command[0]}": {why}'
    return ApiError(500, "InternalError", f"Internal error occurred: {words}")
