"""A command that somebody runs beside a container: in its environment and folder, on a terminal or on pipes.

It ends with its connection and with the container's run, and takes along whatever it has started. The node's
door starts them; `Container.sessions` holds those that run.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import struct
import termios
from collections.abc import AsyncIterator

from localcluster.status import ApiError

from .container import Container

_CHUNK_BYTES = 32 * 1024
_DRAIN_SECONDS = 1.0  # for what is still to be read when the command has ended
# The leader of a session gets the first terminal that it opens as its own, with the signals of the keyboard.
_ON_TERMINAL = 'exec 0<>"$0" 1>&0 2>&1; exec "$@"'


class Terminal:
    """Both ends of one; the command's is kept open here too, or ours would end before it begins."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        self.name = os.ttyname(self.theirs)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def streams(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(self.ours), "rb", 0))
        flow = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        transport, _ = await loop.connect_write_pipe(lambda: flow, os.fdopen(self.ours, "wb", 0))
        return asyncio.StreamWriter(transport, flow, None, loop), reader


class Session:
    """A command that runs; made by `start`."""

    def __init__(
        self,
        container: Container,
        process: asyncio.subprocess.Process,
        terminal: Terminal | None,
        ways: tuple[asyncio.StreamWriter | None, asyncio.StreamReader | None, asyncio.StreamReader | None],
    ) -> None:
        self._container, self._process, self._terminal = container, process, terminal
        self._input, self._output, self._error = ways
        self._over = asyncio.create_task(self._follow())
        container.sessions.add(self)

    async def _follow(self) -> int:
        """Its exit code, once it has ended and so has what it had started."""
        code = await self._process.wait()
        self.kill()
        self._container.sessions.discard(self)
        if self._terminal is not None:
            os.close(self._terminal.theirs)
            self._terminal = None
        await asyncio.sleep(_DRAIN_SECONDS if self._unread() else 0)
        self.close_input()
        return code if code >= 0 else 128 - code

    def _unread(self) -> bool:
        return any(one is not None and not one.at_eof() for one in (self._output, self._error))

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
        while stream is not None:
            reading = asyncio.ensure_future(stream.read(_CHUNK_BYTES))
            await asyncio.wait({reading, self._over}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():  # somebody who left its session keeps the pipe open
                reading.cancel()
                return
            if reading.exception() or not reading.result():  # Linux ends a terminal with an error
                return
            yield reading.result()

    async def ended(self) -> int:
        """Its exit code, as a shell has it."""
        return await self._over

    def kill(self) -> None:
        """At once, with all that it has started; safe to repeat."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


async def start(container: Container, command: list[str], *, tty: bool, stdin: bool) -> Session:
    """ApiError 500 where there is no such program."""
    environment = container.environment | ({"TERM": "xterm"} if tty else {})
    program = os.path.join(container.cwd, command[0]) if "/" in command[0] else command[0]
    if not shutil.which(program, path=environment.get("PATH", os.defpath)):
        words = (
            f'error executing command in container: exec: "{command[0]}": executable file not found in $PATH'
        )
        raise ApiError(500, "InternalError", f"Internal error occurred: {words}")
    terminal, pipe = Terminal() if tty else None, asyncio.subprocess.PIPE
    if terminal:
        command = ["/bin/sh", "-c", _ON_TERMINAL, terminal.name, *command]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd=container.cwd,
        stdin=pipe if stdin and not tty else quiet,
        stdout=quiet if tty else pipe,
        stderr=quiet if tty else pipe,
        start_new_session=True,
        limit=_CHUNK_BYTES,
    )
    if terminal:
        return Session(container, process, terminal, (*await terminal.streams(), None))
    return Session(container, process, None, (process.stdin, process.stdout, process.stderr))
