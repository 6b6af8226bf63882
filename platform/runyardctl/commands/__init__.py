"""One module per subcommand of `runyard`: NAME, HELP, add_arguments(parser) and run(asked) -> exit code.

A new command is a new module here and one more word in COMMANDS.
"""

from argparse import ArgumentParser, Namespace
from typing import Protocol

from runyardctl.commands import demo, doctor, manage, rbac, up


class Subcommand(Protocol):
    """What a module of this package offers."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, asked: Namespace) -> int: ...


COMMANDS: tuple[Subcommand, ...] = (up, doctor, rbac, demo, manage)
