"""The `runyard` command: reads the command line and runs one of `commands`.

Trouble becomes one line and exit code 1.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from runyardctl.commands import COMMANDS
from runyardctl.trouble import Trouble

DETAIL_LINES = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own); returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except Trouble as trouble:
        _report(trouble)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="runyard", description="The control plane for AI workloads.")
    parser.add_argument("--version", action="version", version=version("runyard"))
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _report(trouble: Trouble) -> None:
    for line in trouble.detail.rstrip().splitlines()[-DETAIL_LINES:]:
        print(f"    {line}", file=sys.stderr)
    print(f"runyard: {trouble.line}", file=sys.stderr, flush=True)
