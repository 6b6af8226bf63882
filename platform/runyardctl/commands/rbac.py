"""`runyard rbac`: the least rights that Runyard works with, as a manifest; nothing needs to run."""

from argparse import ArgumentParser, Namespace

from runyardctl.commands.manage import perform

NAME = "rbac"
HELP = "print the least rights that Runyard needs on a cluster, for kubectl apply -f -"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--namespaces", metavar="A,B", default="", help="of the projects; any by default")
    parser.add_argument("--read-only", action="store_true", help="people will look at workloads only")


def run(asked: Namespace) -> int:
    words = [f"--namespaces={asked.namespaces}", *["--read-only"] * asked.read_only]
    return perform("rbac", *words, running=False)
