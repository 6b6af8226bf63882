"""The examination: each check in its turn and within its time; one that fails does not stop the others."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any

from metrics.sources.prometheus import Server
from runyard.clusters.connection import ClusterError, Connection
from runyard.doctor.asking_rights import account, check_rights
from runyard.doctor.figures import check_figures
from runyard.doctor.findings import Diagnosis, Finding, problem
from runyard.doctor.reaching import ABOUT, reach
from runyard.doctor.software import check_groups, check_nodes
from runyard.doctor.visit import Visit

#: What one check may take in all.
CHECK_SECONDS = 20.0
Check = Callable[[Visit], Iterator[Finding]]
CHECKS: dict[str, Check] = {
    "account": account,
    "schedulers and operators": check_groups,
    "rights": check_rights,
    "nodes": check_nodes,
    "figures": check_figures,
}


def examine(
    kubeconfig: str,
    context: str = "",
    *,
    namespaces: tuple[str, ...] = (),
    read_only: bool = False,
    prometheus: Server | None = None,
) -> Diagnosis:
    """Look at the cluster of a kubeconfig; `Visit` says what the others are. Raises no ClusterError."""
    try:
        connection = next(_in_time(lambda: iter([Connection(kubeconfig, context)])))
    except (ClusterError, TimeoutError) as error:
        return Diagnosis([_unusable(kubeconfig, error)])
    visit = Visit(connection, namespaces, read_only, prometheus)
    _add(visit, ABOUT, reach)
    if visit.diagnosis.ok:
        for about, check in CHECKS.items():
            _add(visit, about, check)
    return visit.diagnosis


def _unusable(kubeconfig: str, error: Exception) -> Finding:
    says = str(error) or f"What the kubeconfig {kubeconfig} runs to sign in does not end."
    advice = "Name one by --kubeconfig or RUNYARD_KUBECONFIG; `kubectl config get-contexts` shows contexts."
    return problem("kubeconfig", says, advice)


def _add(visit: Visit, about: str, check: Check) -> None:
    """What `check` found goes into the diagnosis, and why it could not go on."""
    findings = visit.diagnosis.findings
    try:
        findings.extend(_in_time(lambda: check(visit)))
    except TimeoutError:
        findings.append(_undone(about, f"No end within {CHECK_SECONDS:.0f} seconds."))
    except ClusterError as error:
        findings.append(_undone(about, str(error)))


def _undone(about: str, why: str) -> Finding:
    advice = "Grant what is missing, or see how the API server does; and ask again."
    return problem(about, f"It could not be looked at: {why}", advice)


def _in_time(check: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """What `check` yields, as it comes, and raises; TimeoutError when its time is over: it is left behind."""
    told: Queue[Any] = Queue()

    def look() -> None:
        try:
            for one in check():
                told.put(one)
            told.put(StopIteration())
        except Exception as error:
            told.put(error)

    threading.Thread(target=look, name="doctor", daemon=True).start()
    ends = time.monotonic() + CHECK_SECONDS
    while True:
        try:
            one = told.get(timeout=max(0.0, ends - time.monotonic()))
        except Empty:
            raise TimeoutError from None
        if isinstance(one, StopIteration):
            return
        if isinstance(one, Exception):
            raise one
        yield one
