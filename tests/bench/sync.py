"""Lists of 100,000 workloads and 200,000 pods become rows: all new, nothing changed, a hundredth changed.

The yardstick of what is written is psql's `\\copy` of all rows into empty tables of the same columns and
indexes, in the same run. `tests.bench.sync_run` syncs, in processes of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runyardctl.pg_binaries import find_binaries
from runyardctl.postgres import Postgres
from runyardctl.valkey import Valkey
from tests.bench.big_cluster import PODS
from tests.bench.export import environment_of
from tests.bench.report import Result, median

JOBS, ROUNDS = 100_000, 3
RUN = "tests.bench.sync_run"
TABLES = ("workloads_workload", "workloads_searchtext", "workloads_pod")


def measure(jobs: int = JOBS) -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards. Medians of ROUNDS, taken in turn."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with Postgres(home).running() as url, Valkey(home).running():
            environment = environment_of(home, url)
            with answering(environment, RUN, "first", str(jobs)) as answers:
                first = next(answers)
            all_rows = Copy(home, url)
            with answering(environment, RUN, "again", str(jobs)) as answers:
                same = next(answers)
                rounds = [(next(answers), all_rows.seconds()) for _ in range(ROUNDS)]
    yield from _results(jobs, first, same, rounds)


def _results(
    jobs: int, first: dict[str, Any], same: dict[str, Any], rounds: list[tuple[dict[str, Any], float]]
) -> Iterator[Result]:
    everything, copy = jobs * (1 + PODS), median([seconds for _, seconds in rounds])
    what, writing = f"sync of {jobs:,} workloads", median([answer["writing"] for answer, _ in rounds])
    yardstick = f"\\copy of all rows, {copy:.1f} s"
    yield Result(
        f"{what}, nothing changed", f"{same['writes']} row writes", "", None, "none", not same["writes"]
    )
    spent = f"{same['cpu']:.1f} CPU s, {same['peak']:.0f} MiB"
    yield Result(f"{what}, list and compare", spent, "", None, "", True)
    gain = copy / writing
    yield Result(f"{what}, 1 % changed", f"{writing:.2f} s", yardstick, gain, ">= 25x less", gain >= 25)
    speed = f"{everything / first['writing']:,.0f} objects/s"
    yield Result(f"{what}, all new", speed, yardstick, first["writing"] / copy, "", True)


@contextmanager
def answering(environment: dict[str, str], module: str, *words: str) -> Iterator[Iterator[dict[str, Any]]]:
    """What `python -m module` answers; from the second answer on it is sent a line for each."""
    command = [sys.executable, "-m", module, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        yield _answers(process)
        process.stdin.close()
    assert not process.returncode


def _answers(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    while line := process.stdout.readline():
        yield json.loads(line)
        process.stdin.write("change\n")
        process.stdin.flush()


class Copy:
    """All rows, in files, to be copied into empty tables like theirs."""

    def __init__(self, folder: Path, url: str):
        self._folder, self._url = folder, url
        for table in TABLES:
            self._psql(f"\\copy {table} TO '{folder / table}'")

    def seconds(self) -> float:
        return sum(self._one(table) for table in TABLES)

    def _one(self, table: str) -> float:
        self._psql(f"CREATE TABLE copied (LIKE {table} INCLUDING ALL)")
        began = time.perf_counter()
        self._psql(f"\\copy copied FROM '{self._folder / table}'")
        taken = time.perf_counter() - began
        self._psql("DROP TABLE copied")
        return taken

    def _psql(self, statement: str) -> None:
        command = [
            find_binaries().path("psql"),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            self._url,
        ]
        subprocess.run(command, check=True)
