"""`python -m metrics.exporter --port 9400 --listen 127.0.0.1`: serves until TERM or INT.

Exit code 0 after that, 2 when it cannot start; with --check 0 when NVML starts on this machine, 1 when not.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from . import nvml
from .fleet import Fleet
from .lanes import Lane
from .pods import Attribution, EmbeddedNode, Kubelet, Nobody, Source
from .serving import Exporter

CHECK_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    options = _options(arguments)
    if options.check:
        return _check()
    try:
        source = _source(options)
        exporter = Exporter((options.listen, options.port), Fleet(), Attribution(source), options.node_name)
    except (OSError, RuntimeError) as error:
        print(f"exporter: cannot start: {error}", file=sys.stderr)  # noqa: T201 - for the user
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=exporter.shutdown, daemon=True).start())
    exporter.serve_forever()
    exporter.server_close()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="metrics.exporter", description=__doc__)
    parser.add_argument("--port", type=_port, default=9400)
    parser.add_argument("--listen", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--node-name", default=os.environ.get("NODE_NAME") or socket.gethostname())
    pods = parser.add_mutually_exclusive_group()
    pods.add_argument("--pod-resources", metavar="SOCKET", help="the kubelet's, to tell which pods have GPUs")
    pods.add_argument("--embedded", type=Path, metavar="KUBECONFIG", help="the same, of an embedded cluster")
    parser.add_argument("--check", action="store_true", help="only say whether NVML starts")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) < 65536:
        raise argparse.ArgumentTypeError("must be a number up to 65535; 0 takes a free one")
    return int(text)


def _source(options: argparse.Namespace) -> Source:
    if options.pod_resources:
        return Kubelet(options.pod_resources)
    return EmbeddedNode(options.embedded) if options.embedded else Nobody()


def _check() -> int:
    try:
        count = Lane("check").call(nvml.start, CHECK_SECONDS)
    except Exception as error:
        print(nvml.REASONS[nvml.reason(error)])  # noqa: T201 - what was asked for
        return 1
    print(f"{count} GPUs")  # noqa: T201
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a call of the driver that hangs must not hold us
