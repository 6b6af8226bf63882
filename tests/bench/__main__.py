"""`make bench`: every measurement, as a table. Names given on the command line choose some."""

import importlib
import sys

from tests.bench.report import HEAD

PARTS = (
    "reading",
    "export",
    "logs",
    "events",
    "table",
    "sync",
    "cluster",
    "live",
    "story",
    "connect",
    "log_view",
    "metrics",
    "charts",
    "gpu",
)


def main(wanted: list[str]) -> None:
    """Print every result as it is found, and how many goals were missed: a slow machine is no failure."""
    print(HEAD)
    missed = 0
    for name in wanted or PARTS:
        for result in importlib.import_module(f"tests.bench.{name}").measure():
            print(result, flush=True)
            missed += not result.met
    print(f"{missed} goals were missed." if missed else "Every goal was met.")


if __name__ == "__main__":
    main(sys.argv[1:])
