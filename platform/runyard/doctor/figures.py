"""Where figures of use can come from: a Prometheus, the nodes themselves, exporters of GPUs, metrics.k8s.io.

None is needed; without any of them charts stay empty. docs/metrics.md says which has what.
"""

from collections.abc import Callable, Iterator

import msgspec

from metrics.scraping.endpoints import CADVISOR, KUBELET, RESOURCE, Exporters
from metrics.sources.asking import understood
from metrics.sources.finding import PROOF, candidates
from metrics.sources.resource_metrics import PATH
from metrics.sources.source import SourceError
from runyard.clusters.connection import ApiError, ClusterError
from runyard.clusters.rights import USAGE
from runyard.doctor.findings import Finding, absent, fine, warning
from runyard.doctor.visit import ANSWER_SECONDS, Visit
from runyard.kit.pages import counted

Source = Callable[[Visit], str]


class NotThere(Exception):
    """A source that gives no figures; says why."""


def check_figures(visit: Visit) -> Iterator[Finding]:
    """A finding for each source, and one more where none gives CPU and memory, or GPUs."""
    worked = set()
    for name, source in SOURCES.items():
        try:
            yield fine(f"figures: {name}", source(visit))
            worked.add(name)
        except (NotThere, SourceError, ClusterError, msgspec.MsgspecError) as error:
            yield absent(f"figures: {name}", str(error))
    if not worked & {PROMETHEUS, KUBELET, USAGE}:
        advice = "Grant get on nodes/proxy, or run a Prometheus or metrics-server in the cluster."
        yield warning("figures", "Nothing tells of CPU and memory: charts stay empty.", advice)
    if visit.gpus and not worked & {PROMETHEUS, GPUS}:
        advice = "Install DCGM's exporter; the GPU operator brings it."
        yield warning("figures", "Nothing tells how its GPUs are used.", advice)


def _prometheus(visit: Visit) -> str:
    """The one that is set for the cluster, else one that is found in it and knows our figures."""
    if visit.prometheus:
        return (
            f"The one in the settings answers, with {counted(len(visit.prometheus.now()), 'figure')} of now."
        )
    refused = "no service in the cluster looks like one."
    for path in candidates(visit.connection):
        body = visit.connection.read(
            "GET", f"{path}/api/v1/query", params={"query": PROOF}, read_seconds=ANSWER_SECONDS
        )
        if understood(body, 200, "vector", path):
            return f"Found at {path.removesuffix('/proxy')}."
        refused = f"{path.removesuffix('/proxy')} has no figures of pods or GPUs."
    raise NotThere(refused)


def _kubelet(visit: Visit) -> str:
    """Either of its two texts will do; asked of one node for all."""
    if not visit.node:
        raise NotThere("No node is ready.")
    for text in (CADVISOR, RESOURCE):
        try:
            path = f"/api/v1/nodes/{visit.node}/proxy{text}"
            visit.connection.request("GET", path, read_seconds=ANSWER_SECONDS, accept="*/*").close()
        except ApiError as error:
            refused = error
        else:
            return f"The kubelet of {visit.node} answers at {text}."
    raise refused


def _exporters(visit: Visit) -> str:
    found = Exporters()
    found.look(visit.connection)
    if not found.by_node:
        raise NotThere("No pods of DCGM's exporter, nor of ours.")
    return f"Exporters run on {counted(len(found.by_node), 'node')}."


def _usage(visit: Visit) -> str:
    if USAGE not in visit.groups:
        raise NotThere("The cluster has no metrics-server.")
    visit.connection.read("GET", f"{PATH}/pods", params={"limit": 1}, read_seconds=ANSWER_SECONDS)
    return "It answers, with CPU and memory of now."


PROMETHEUS, GPUS = "Prometheus", "GPU exporters"
SOURCES: dict[str, Source] = {
    PROMETHEUS: _prometheus, KUBELET: _kubelet, GPUS: _exporters, USAGE: _usage,
}  # fmt: skip
