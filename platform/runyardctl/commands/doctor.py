"""`runyard doctor`: what works on a cluster, what does not, and what to do; nothing needs to run."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from runyardctl.commands.manage import perform

NAME = "doctor"
HELP = (
    "say what works on a cluster, what does not, and what to do; ends with 1 when Runyard cannot work there"
)


def add_arguments(parser: ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--kubeconfig", metavar="FILE", help="RUNYARD_KUBECONFIG by default")
    where.add_argument("--cluster", metavar="NAME", help="one that was added, while `runyard up` runs")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig; its current one by default")
    parser.add_argument("--namespaces", metavar="A,B", help="those of the projects; any by default")
    parser.add_argument("--read-only", action="store_true", help="people will look at workloads only")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(asked: Namespace) -> int:
    words = [
        f"--{name}={value}" for name in ("cluster", "context", "namespaces") if (value := vars(asked)[name])
    ]
    if asked.kubeconfig:
        words.append(f"--kubeconfig={Path(asked.kubeconfig).expanduser().absolute()}")
    words += ["--read-only"] * asked.read_only + ["--json"] * asked.json
    return perform("doctor", *words, running=bool(asked.cluster))
