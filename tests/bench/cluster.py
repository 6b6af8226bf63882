"""Ten thousand pods on two hundred simulated nodes of a real control plane become rows; then fifty thousand.

The yardsticks are taken in the same run: a bare decode of the same lists and a COPY of the same rows, and
`kubectl get pods -A`. What is compared is CPU time, the database's included. Needs the kit (`make kit`).
"""

import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg

from controlplane import building
from controlplane.plane import ControlPlane
from controlplane.profile import SCALE
from controlplane.trouble import CannotBuild, NoGo
from runyardctl.postgres import Postgres
from runyardctl.valkey import Valkey
from tests.bench.cluster_pods import HURT, Pods
from tests.bench.export import environment_of
from tests.bench.report import Result, median
from tests.bench.sync import answering
from tests.embedded import until

SMALL, USUAL, LARGE = 1_000, 10_000, 50_000
HUNDREDTH, BURST, ROUNDS, PATIENCE = USUAL // 100, 1_000, 3, 120
ATTEMPTS = 5
RUN = "tests.bench.cluster_run"
RESTARTED = "SELECT count(*) FROM workloads_pod WHERE restarts = %s"


def measure() -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards; nothing is left running."""
    try:
        kit = building.find()
    except (NoGo, CannotBuild) as trouble:
        yield Result("pods of a real cluster", "not measured", str(trouble), None, "", True)
        return
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "control-plane").mkdir()
        plane = ControlPlane(kit, home / "control-plane", SCALE)
        with Postgres(home).running() as url, Valkey(home).running(), plane:
            yield from _Room(home, url, plane).measure()


class _Room:
    """What runs, and what is done in it."""

    def __init__(self, home: Path, url: str, plane: ControlPlane):
        self._url, self._plane, self._environment = url, plane, environment_of(home, url)
        self._pods = Pods(plane)

    def measure(self) -> Iterator[Result]:
        small = self._first(SMALL)
        usual = self._first(USUAL)
        yield from self._usual(usual)
        yield from _growth({SMALL: small, USUAL: usual, LARGE: self._first(LARGE)})

    def _usual(self, first: dict[str, Any]) -> Iterator[Result]:
        what, copied = f"{USUAL:,} pods of a real cluster", []
        with self._run("again") as answers:
            same, rounds = next(answers), []
            for number in range(1, ROUNDS + 1):
                copied.append(self._one("bare"))
                jobs = HUNDREDTH // HURT
                self._pods.restart(range(number * jobs, (number + 1) * jobs), number)
                rounds.append(next(answers))
                assert rounds[-1]["news"] >= HUNDREDTH
        decode, copy = (median([one[name] for one in copied]) for name in ("decode", "copy"))
        ours, yardstick = _cpu(first), f"bare decode and COPY, {decode:.2f} + {copy:.2f} CPU s"
        ratio = ours / (decode + copy)
        spent = f"{ours:.2f} CPU s{_refused(first)}"
        yield Result(f"{what}, list to rows", spent, yardstick, ratio, "<= 2x", ratio <= 2)
        kubectl, listing = median([self._kubectl() for _ in range(ROUNDS)]), same["cpu"]
        gain, words = kubectl / listing, f"kubectl get pods -A, {kubectl:.2f} CPU s"
        yield Result(f"{what}, list", f"{listing:.2f} CPU s", words, gain, ">= 5x less", gain >= 5)
        none = not same["writes"]
        yield Result(f"{what}, nothing changed", f"{same['writes']} row writes", "", None, "none", none)
        written = median([one["writing_cpu"] for one in rounds])
        gain, words = copy / written, f"COPY of all rows, {copy:.2f} CPU s"
        spent = f"{written * 1000:.0f} CPU ms"
        yield Result(f"{what}, 1 % changed", spent, words, gain, ">= 25x less", gain >= 25)
        peaks = {"list": first["peak"], "again": max(one["peak"] for one in (same, *rounds))}
        yield from self._following(what, peaks)

    def _following(self, what: str, peaks: dict[str, float]) -> Iterator[Result]:
        """A worker follows all of it while many pods change at once."""
        with self._run("follow") as answers, psycopg.connect(self._url, autocommit=True) as rows:

            def shown(times: int) -> int:
                [count] = rows.execute(RESTARTED, [times]).fetchone() or [0]
                return count

            next(answers)
            times = ROUNDS + 1  # other than before
            self._pods.restart(range(1, 2), times)
            until(lambda: shown(times) == HURT, PATIENCE, "the first list and the watch")
            began = time.perf_counter()
            self._pods.restart(range(1, 1 + BURST // HURT), times + 1)
            ended = time.perf_counter()
            until(lambda: shown(times + 1) == BURST, PATIENCE, "the burst")
            settled = time.perf_counter() - ended
            peaks["follow"] = next(answers)["peak"]
        peak, words = max(peaks.values()), ", ".join(f"{way} {size:.0f}" for way, size in peaks.items())
        yield Result(f"{what}, peak of the process", f"{peak:.0f} MiB", words, None, "<= 150 MB", peak <= 143)
        words = f"made in {ended - began:.1f} s"
        what, after = f"{what}, burst of {BURST:,}", f"{settled:.1f} s until all are rows"
        yield Result(what, after, words, None, "<= 2 s", settled <= 2)

    def _first(self, count: int) -> dict[str, Any]:
        """So many pods there, and read into empty tables."""
        self._pods.grow(count)
        for refused in range(ATTEMPTS):
            if "late" not in (found := self._one("first")):
                return found | {"refused": refused}
        raise RuntimeError(found["late"])

    def _kubectl(self) -> float:
        """CPU seconds."""
        command = [self._plane.kit.program("kubectl"), f"--kubeconfig={self._plane.kubeconfig()}"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "get", "pods", "-A"], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def _one(self, way: str) -> dict[str, Any]:
        with self._run(way) as answers:
            return next(answers)

    def _run(self, way: str) -> AbstractContextManager[Iterator[dict[str, Any]]]:
        return answering(self._environment, RUN, way, str(self._plane.kubeconfig()))


def _cpu(run: dict[str, Any]) -> float:
    return run["cpu"] + run["database"]


def _refused(run: dict[str, Any]) -> str:
    """How many lists the API server refused before this one: their time is in no figure."""
    return f", lists refused before: {run['refused']}" if run["refused"] else ""


def _growth(runs: dict[int, dict[str, Any]]) -> Iterator[Result]:
    """What a pod costs, of few and of many."""
    each = {count: _cpu(run) / count * 1e6 for count, run in runs.items()}
    for count, cost in each.items():
        grown, words = cost / each[USUAL], f"{each[USUAL]:.0f} CPU µs each of {USUAL:,}"
        goal = "<= 1.2x" if count > USUAL else ""
        what, spent = f"list of {count:,} pods to rows", f"{cost:.0f} CPU µs each{_refused(runs[count])}"
        yield Result(what, spent, words, grown, goal, not goal or grown <= 1.2)
