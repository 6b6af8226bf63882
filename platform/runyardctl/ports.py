"""TCP ports of this machine: is one free, who has it, which one may we take, does what is there answer."""

import errno
import http.client
import socket
from pathlib import Path

import psutil

from runyardctl.trouble import Trouble


def require_free(host: str, port: int) -> None:
    """Raise Trouble when nothing can listen on `host`:`port`, naming the holder where it can be known."""
    try:
        _try(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"Port {port} is in use{_holder(port)}; stop that, or choose another"
        else:
            reason = f"Cannot listen on {host} port {port} ({error.strerror or error}); choose others"
        raise Trouble(f"{reason}: RUNYARD_PORT={port + 1 if port < 65535 else 8000} make run") from error


def remembered(file: Path) -> int:
    """The free port kept in `file`, else a new one, kept there, so that addresses stay the same."""
    try:
        port = int(file.read_text())
        _try("127.0.0.1", port)
    except (OSError, ValueError, OverflowError):
        port = _try("127.0.0.1", 0)
        file.write_text(str(port))
    return port


def answers(port: int, path: str, seconds: float) -> bool:
    """Whether an HTTP server there says 200 to `path`; no proxy of the environment is asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _try(host: str, port: int) -> int:
    """Bind and let go; returns the port. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # other people's processes are not ours to see
    return ""
