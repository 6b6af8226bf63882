"""`runyard up`: the whole platform on this machine, until Ctrl-C."""

from argparse import ArgumentParser, Namespace

from runyardctl.product import Product
from runyardctl.up import run_until_stopped

NAME = "up"
HELP = "start Runyard with everything it needs on this machine, until Ctrl-C"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--reload", action="store_true", help="restart web and worker when the code changes")


def run(asked: Namespace) -> int:
    run_until_stopped(Product.from_environment(), reload=asked.reload)
    return 0
