"""Startup, liveness and readiness probes and lifecycle hooks of one running container. Used by pods only."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from .addresses import HOST_IP
from .container import Container, age

Obj = dict[str, Any]
KINDS = ("startup", "liveness", "readiness")
OUTPUT_BYTES = 10 * 1024


class ProbeFailed(Exception):
    """The probe's answer was no; the words are for the event."""


async def run_command(container: Container, command: list[str], timeout: float) -> None:
    """Runs `command` beside the container, in its environment. Raises ProbeFailed with its output."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=container.visitor(),
            cwd=container.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ProbeFailed(str(error)) from error
    try:
        async with asyncio.timeout(timeout):
            output = await _output(process)
    except TimeoutError:
        raise ProbeFailed(f"command timed out after {timeout:g}s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise ProbeFailed(output.decode("utf-8", "replace"))


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """The beginning of what it says, once it has ended; the rest is read and forgotten."""
    assert process.stdout is not None
    kept = b""
    while chunk := await process.stdout.read(64 * 1024):
        kept += chunk[: OUTPUT_BYTES - len(kept)]
    await process.wait()
    return kept


def port_of(container: Container, port: str | int) -> int:
    """A port by number or by the name the container gives it. Raises ProbeFailed."""
    for declared in container.spec.get("ports") or []:
        if declared.get("name") == port:
            return int(declared["containerPort"])
    if not str(port).isdigit():
        raise ProbeFailed(f"couldn't find port: {port}")
    return int(port)


async def get(container: Container, action: Obj) -> None:
    """HTTP GET; 200 to 399 is a yes. Raises ProbeFailed, OSError."""
    context = ssl._create_unverified_context() if action.get("scheme") == "HTTPS" else None  # noqa: S323 as kubelet
    reader, writer = await _open(container, action, context)
    try:
        headers = {
            "Host": action.get("host") or container.ip,
            "User-Agent": "kube-probe",
            "Accept": "*/*",
            "Connection": "close",
        }
        headers |= {one["name"]: one["value"] for one in action.get("httpHeaders") or []}
        lines = [
            f"GET {action.get('path') or '/'} HTTP/1.1",
            *(f"{key}: {text}" for key, text in headers.items()),
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = (await reader.readline()).split()
    finally:
        writer.close()
    code = int(answer[1]) if len(answer) > 1 and answer[1].isdigit() else 0
    if not 200 <= code < 400:
        raise ProbeFailed(f"HTTP probe failed with statuscode: {code}")


async def connect(container: Container, action: Obj) -> None:
    """A TCP connection that is accepted is a yes. Raises ProbeFailed, OSError."""
    _, writer = await _open(container, action)
    writer.close()


async def _open(
    container: Container, action: Obj, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the host asked for; else to the pod's address or the machine's, as processes listen on either."""
    port = port_of(container, action["port"])
    try:
        return await asyncio.open_connection(action.get("host") or container.ip, port, ssl=context)
    except ConnectionRefusedError:
        if action.get("host") or container.ip == HOST_IP:
            raise
        return await asyncio.open_connection(HOST_IP, port, ssl=context)


async def ask(container: Container, handler: Obj, timeout: float) -> None:
    """Runs one handler (exec, httpGet, tcpSocket). Raises ProbeFailed."""
    try:
        if handler.get("exec"):
            await run_command(container, handler["exec"].get("command") or [], timeout)
        elif handler.get("httpGet"):
            async with asyncio.timeout(timeout):
                await get(container, handler["httpGet"])
        elif handler.get("tcpSocket"):
            async with asyncio.timeout(timeout):
                await connect(container, handler["tcpSocket"])
        elif handler.get("sleep"):
            await asyncio.sleep(handler["sleep"].get("seconds", 0))
        else:
            raise ProbeFailed("the embedded cluster probes by exec, httpGet and tcpSocket only")
    except TimeoutError:
        raise ProbeFailed("context deadline exceeded") from None
    except (OSError, IndexError) as error:
        raise ProbeFailed(str(error)) from error


class Prober:
    """Probes one run until cancelled; sets the container's `started` and `ready`, tells of failures."""

    def __init__(
        self, container: Container, unhealthy: Callable[[str, str], None], kill: Callable[[str], None]
    ):
        self.container, self.unhealthy, self.kill = container, unhealthy, kill

    async def run(self) -> None:
        specs = {kind: self.container.spec.get(f"{kind}Probe") for kind in KINDS}
        if specs["startup"]:
            await self._until_started(specs["startup"])
        self._set(started=True, ready=not specs["readiness"])
        async with asyncio.TaskGroup() as group:
            if specs["liveness"]:
                group.create_task(self._watch("liveness", specs["liveness"]))
            if specs["readiness"]:
                group.create_task(self._watch("readiness", specs["readiness"]))

    def _set(self, **values: bool) -> None:
        changed = any(getattr(self.container, key) != value for key, value in values.items())
        for key, value in values.items():
            setattr(self.container, key, value)
        if changed:
            self.container.changed()

    async def _until_started(self, spec: Obj) -> None:
        async for healthy in self._verdicts("startup", spec):
            if healthy:
                return
            self.kill("startup")

    async def _watch(self, kind: str, spec: Obj) -> None:
        async for healthy in self._verdicts(kind, spec):
            if kind == "readiness":
                self._set(ready=healthy)
            elif not healthy:
                self.kill(kind)

    async def _verdicts(self, kind: str, spec: Obj) -> AsyncIterator[bool]:
        """Yields True or False each time enough answers in a row agree; asks every period."""
        record = self.container.record
        delay = spec.get("initialDelaySeconds") or 0
        await asyncio.sleep(max(0.0, delay - age(record)) if record else delay)
        needed = {True: spec.get("successThreshold") or 1, False: spec.get("failureThreshold") or 3}
        last, in_a_row = None, 0
        while True:
            answer = await self._answer(kind, spec)
            in_a_row = in_a_row + 1 if answer == last else 1
            last = answer
            if in_a_row >= needed[answer]:
                yield answer
                if kind != "readiness" and not answer:
                    in_a_row = 0
            await asyncio.sleep(spec.get("periodSeconds") or 10)

    async def _answer(self, kind: str, spec: Obj) -> bool:
        try:
            await ask(self.container, spec, spec.get("timeoutSeconds") or 1)
        except ProbeFailed as failure:
            self.unhealthy(kind, f"{kind.capitalize()} probe failed: {failure}")
            return False
        return True
