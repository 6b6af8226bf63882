"""`make bench`: every measurement, as a table. Names given on the command line choose some."""

import importlib
import sys

from tests.bench.report import HEAD

PARTS = ("reading", "story")


def main(wanted: list[str]) -> int:
    print(HEAD)
    missed = 0
    for name in wanted or PARTS:
        for result in importlib.import_module(f"tests.bench.{name}").measure():
            print(result, flush=True)
            missed += not result.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
