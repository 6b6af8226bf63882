"""`runyard up`: the whole platform on this machine, until Ctrl-C."""

from argparse import ArgumentParser, Namespace

from runyardctl.product import Product
from runyardctl.trouble import Trouble
from runyardctl.up import run_until_stopped

NAME = "up"
HELP = "start Runyard with everything it needs on this machine, until Ctrl-C"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--reload", action="store_true", help="restart web and worker when the code changes")
    parser.add_argument(
        "--cluster",
        choices=("embedded", "kit"),
        default="embedded",
        help="where workloads run: processes of this machine, or a real Kubernetes with simulated GPU nodes"
        " (for developers; made by `make kit`)",
    )


def run(asked: Namespace) -> int:
    product = Product.from_environment()
    product.kit = asked.cluster == "kit"
    if product.kit and product.kubeconfig:
        raise Trouble("RUNYARD_KUBECONFIG names a cluster already; unset it for --cluster kit.")
    run_until_stopped(product, reload=asked.reload)
    return 0
