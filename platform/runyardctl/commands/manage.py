"""`runyard manage ...`: Django's management commands, with the settings of a running `runyard up`."""

import secrets
import subprocess
from argparse import REMAINDER, ArgumentParser, Namespace

from runyardctl.product import Product

NAME = "manage"
HELP = "run a management command (for example: changepassword NAME) while `runyard up` runs"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("words", nargs=REMAINDER, metavar="...", help="the command and its arguments")


def run(asked: Namespace) -> int:
    return perform(*asked.words)


def perform(*words: str, running: bool = True) -> int:
    """Run one management command; returns its exit code. Raises Trouble when nothing runs.

    One that needs nothing `running` leaves nothing behind in the home.
    """
    product = Product.from_environment()
    if running:
        product.home.require_running()
        product.use_embedded()
    else:
        product.secret_key = product.secret_key or secrets.token_urlsafe(64)
    command = product.manage(*words)
    return subprocess.run(
        command.argv, env=command.whole_environment(), cwd=command.cwd, check=False
    ).returncode
