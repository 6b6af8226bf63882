"""`runyard demo`: believable workloads on a cluster named demo, to see the table at size."""

from argparse import ArgumentParser, Namespace

from runyardctl.commands.manage import perform

NAME = "demo"
HELP = "fill a cluster named demo with made-up workloads while `runyard up` runs"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--workloads", default="1000", metavar="N", help="how many; 1000 by default")


def run(asked: Namespace) -> int:
    return perform("demo", "--workloads", asked.workloads)
