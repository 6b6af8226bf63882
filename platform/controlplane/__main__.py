"""`python -m controlplane build`: make the kit. `check`: is it there? `run --home DIR`: a control plane in
the foreground, until TERM or INT. When it cannot, a line says what to do and the exit code is 2 (3: no Go).
"""

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from controlplane import building
from controlplane.plane import ControlPlane
from controlplane.process import ENDS
from controlplane.profile import FULL, PROFILES
from controlplane.trouble import CannotBuild, CannotStart, NoGo

LOOK_SECONDS = 1.0
MOST_PORT = 65_535


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.act(asked)
    except NoGo as trouble:
        return _say(trouble, 3)
    except (CannotBuild, CannotStart) as trouble:
        return _say(trouble, 2)
    return code


def _build(asked: argparse.Namespace) -> int:
    building.build(lambda line: print(line, flush=True))
    return 0


def _check(asked: argparse.Namespace) -> int:
    building.find()
    return 0


def _run(asked: argparse.Namespace) -> NoReturn:
    """Ends when asked to, or when a process does: whoever keeps this one starts all of them anew."""
    for sign in ENDS:
        signal.signal(sign, _leave)
    profile = PROFILES[asked.profile]
    if asked.nodes is not None:
        profile = replace(profile, nodes=asked.nodes)
    asked.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ControlPlane(building.find(), asked.home.absolute(), profile, asked.port) as plane:
        if asked.ready_file:
            asked.ready_file.touch()
        while not (dead := plane.dead()):
            time.sleep(LOOK_SECONDS)
        raise CannotStart(dead.story("ended by itself"))


def _leave(*_: object) -> NoReturn:
    """From wherever we are, the middle of the start too. Asked once more meanwhile, we go on with it."""
    for sign in ENDS:
        signal.signal(sign, signal.SIG_IGN)
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="controlplane", description=__doc__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, act in (("build", _build), ("check", _check), ("run", _run)):
        subparsers.add_parser(name).set_defaults(act=act)
    run = subparsers.choices["run"]
    run.add_argument("--home", type=Path, required=True, help="folder for its state, logs and kubeconfigs")
    run.add_argument("--port", type=_port, help="where the API server listens on 127.0.0.1 (default: any)")
    run.add_argument("--profile", choices=PROFILES, default=FULL.name)
    run.add_argument("--nodes", type=int, help="how many simulated nodes, other than the profile says")
    run.add_argument("--ready-file", type=Path, help="touched once everything is ready")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 1 to {MOST_PORT}, or 0 for any")
    return int(text)


def _say(trouble: Exception, code: int) -> int:
    print(f"controlplane: {trouble}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
