"""`python -m localcluster --home DIR --port N`: the embedded cluster, in the foreground until TERM or INT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path

from localcluster.server import STOP_SIGNALS, CannotStart, Options, serve
from localcluster.validation import dns_subdomain


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 after an orderly end, 2 when it could not start."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    options = _options(arguments)
    try:
        asyncio.run(serve(options))
    except CannotStart as error:
        print(f"localcluster: {error}", file=sys.stderr)  # noqa: T201 - for the user
        return 2
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # it is on its way out already
    return 0


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="localcluster", description=__doc__)
    parser.add_argument(
        "--home", type=Path, required=True, help="folder for objects, logs and the kubeconfig"
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument(
        "--node-name", default=_host_name(), help="name of the one node (default: this machine's)"
    )
    parser.add_argument(
        "--node-port",
        type=_node_port,
        action="append",
        default=[],
        metavar="PORT[=LOCAL]",
        help="a port of the node that its proxy leads to, and which one of 127.0.0.1 that is; repeatable",
    )
    given = parser.parse_args(arguments)
    if not 0 <= given.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    if wrong := dns_subdomain(given.node_name):
        parser.error(f"--node-name: {wrong[0]}")
    return Options(given.home.absolute(), given.port, given.node_name, dict(given.node_port))


def _node_port(text: str) -> tuple[int, int]:
    shown, _, local = text.partition("=")
    ports = int(shown), int(local or shown)
    if not all(0 < port < 65536 for port in ports):
        raise argparse.ArgumentTypeError(f"ports must be between 1 and 65535, not {text}")
    return ports


def _host_name() -> str:
    name = socket.gethostname().lower().strip(".-")
    return name if name and not dns_subdomain(name) else "localhost"


if __name__ == "__main__":
    raise SystemExit(main())
