"""One process: the API server, the controllers and the node on one event loop, from start to orderly end.

Only `__main__` calls `serve`. What cannot be started raises CannotStart with a line for the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from localcluster import auth, kubeconfig
from localcluster.app import Application
from localcluster.controllers import start_controllers
from localcluster.node import start_node
from localcluster.registry import Registry
from localcluster.store import Store

log = logging.getLogger(__name__)
HOST = "127.0.0.1"
_STORE = "objects.db"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_HOUSEKEEPING_SECONDS = 60
_DRAIN_SECONDS = 5
_HEAD_BYTES = 64 * 1024


class CannotStart(Exception):
    """Why the server cannot start, and what to do, in one line."""


@dataclass(frozen=True)
class Options:
    """Where the state lives, the port to listen on (0: any free one), the node's name.

    `node_ports`: the node's ports that its proxy leads to, and the loopback port that each of them is.
    """

    home: Path
    port: int
    node_name: str
    node_ports: Mapping[int, int] = field(default_factory=dict)


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT; pods are ended before it returns."""
    _prepare_folder(options.home)
    with _only_one(options.home), _listener(options.port) as listener, _opened(options.home) as registry:
        await _run(options, listener, registry)


async def _run(options: Options, listener: socket.socket, registry: Registry) -> None:
    stopping = _stop_signal()
    port = listener.getsockname()[1]
    with _explained(options.home):
        registry.bootstrap()
        registry.expire()
        token = auth.keep_token(options.home)
        ports, service = options.node_ports, (HOST, port)
        node = await start_node(registry, options.home, options.node_name, service=service, ports=ports)
    controllers = await start_controllers(registry, options.home)
    application = Application(registry, token, node.logs, node.door)
    server = _Server(application)
    serving = asyncio.create_task(server.serve([listener]))
    housekeeping = asyncio.create_task(_keep_house(registry))
    try:
        await server.up.wait()
        address = f"http://{HOST}:{port}"
        with _explained(options.home):
            kubeconfig.write(options.home / "kubeconfig-for-kubectl", f"{address}/{token}", token)
            kubeconfig.write(options.home / "kubeconfig", address, token)
        print(f"localcluster: listening on {address}", file=sys.stderr, flush=True)  # noqa: T201 - for the user
        await stopping.wait()
    finally:
        application.ready = False
        await controllers.stop()
        await node.stop()
        housekeeping.cancel()
        registry.waker.close()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the whole process has one, here."""

    def __init__(self, application: Application):
        self.up = asyncio.Event()  # set once requests are answered
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        super().__init__(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ws=_WebSocket,
                ws_ping_timeout=None,  # the answers of a client that is held back wait behind what it sent
                http="h11",  # it bounds what a stranger may send as a head; httptools keeps whatever comes
                h11_max_incomplete_event_size=_HEAD_BYTES,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class _WebSocket(WebSocketsSansIOProtocol):
    """kubectl offers a protocol with a slash in its name, for which websockets refuses to shake hands."""

    def handle_connect(self, event: Request) -> None:
        self.conn.process_subprotocol = lambda headers: None  # type: ignore[method-assign]  # the application does
        super().handle_connect(event)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that an answer was left incomplete: so the proxy says that a pod has broken off."""
    return "returned without completing response" not in record.getMessage()


def _stop_signal() -> asyncio.Event:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stopping.set)

    for one in STOP_SIGNALS:
        signal.signal(one, stop)  # not the loop's own, which ends before the process does
    return stopping


async def _keep_house(registry: Registry) -> None:
    """Drop events past their time and history past its use."""
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        try:
            registry.expire()
            registry.compact()
        except sqlite3.Error:
            log.exception("housekeeping")


def _prepare_folder(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotStart(f"cannot make the folder {home}: {error.strerror}") from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise CannotStart(f"cannot write in {home}: choose another --home, or make it writable")


@contextlib.contextmanager
def _explained(home: Path) -> Iterator[None]:
    """What the folder or the store refuses while starting is told as CannotStart, with what to do."""
    try:
        yield
    except OSError as error:
        where = error.filename2 or error.filename or home
        raise CannotStart(f"cannot use {where}: {error.strerror}; put that right, or move it away") from None
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        advice = "free some space" if full else "it may be damaged, move it away to start empty"
        raise CannotStart(f"cannot use {home / _STORE}: {error}; {advice}") from None


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the folder: two servers over one store would each believe to be its only writer."""
    try:
        handle = (home / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"cannot write in {home}: {error.strerror}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            why = f"another localcluster already runs in {home}: stop it, or choose another --home"
            raise CannotStart(why) from None
        yield


@contextlib.contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    # named as TCP, or asyncio would not turn off Nagle's algorithm and every answer would wait 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(512)
        except OSError as error:
            why = f"cannot listen on {HOST}:{port}: {error.strerror}"
            raise CannotStart(f"{why}; end what is using it, or choose another --port") from None
        listener.setblocking(False)
        yield listener


@contextlib.contextmanager
def _opened(home: Path) -> Iterator[Registry]:
    with _explained(home):
        store = Store(home / _STORE)
    with contextlib.closing(store):
        yield Registry(store)
