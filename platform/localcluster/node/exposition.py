"""The Prometheus texts of a kubelet, /metrics/cadvisor and /metrics/resource, from one look. For the node.

Names and labels are cAdvisor's and the kubelet's. What is not known is left out: the network of a pod (it has
the machine's), the page cache that it fills.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .measuring import Figures, Look

Labels = dict[str, str]
Value = float | None
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class _Family:
    """One metric: `of` reads it from a container, None leaves the sample out."""

    name: str
    type: str
    help: str
    of: Callable[[Figures], Value]


_CPU = _Family(
    "container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.",
    lambda one: one.counters.cpu_seconds,
)  # fmt: skip
_MEMORY = _Family(
    "container_memory_working_set_bytes", "gauge", "Current working set in bytes.",
    lambda one: one.working_set_bytes,
)  # fmt: skip
_START = _Family(
    "container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds.",
    lambda one: one.subject.started_at,
)  # fmt: skip
_CADVISOR = (
    _CPU, _MEMORY,
    _Family("container_memory_rss", "gauge", "Size of RSS in bytes.", lambda one: one.anonymous_bytes),
    _Family("container_fs_reads_bytes_total", "counter", "Cumulative count of bytes read",
            lambda one: one.counters.read_bytes),
    _Family("container_fs_writes_bytes_total", "counter", "Cumulative count of bytes written",
            lambda one: one.counters.written_bytes),
    _Family("container_processes", "gauge", "Number of processes running inside the container.",
            lambda one: one.processes),
    _Family("container_threads", "gauge", "Number of threads running inside the container",
            lambda one: one.threads),
    _Family("container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.",
            lambda one: one.subject.memory_limit_bytes),
    _START,
)  # fmt: skip


class _Text:
    """Collects samples, each with the time of the look in milliseconds."""

    def __init__(self, at: float) -> None:
        self.lines: list[str] = []
        self.stamp = int(at * 1000)

    def add(self, name: str, type_: str, help_: str, samples: Iterable[tuple[Labels, Value]]) -> None:
        lines = [self._line(name, labels, value) for labels, value in samples if value is not None]
        if lines:
            self.lines += [f"# HELP {name} {help_}", f"# TYPE {name} {type_}", *lines]

    def family(self, family: _Family, rows: list[tuple[Labels, Figures]]) -> None:
        self.add(family.name, family.type, family.help, ((labels, family.of(one)) for labels, one in rows))

    def _line(self, name: str, labels: Labels, value: float) -> str:
        inner = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
        return f"{name}{'{' + inner + '}' if inner else ''} {float(value)!r} {self.stamp}"

    def encode(self) -> bytes:
        return ("\n".join(self.lines) + "\n").encode()


def cadvisor(look: Look) -> bytes:
    """Every container, and the machine as the container whose id is "/"."""
    text, machine = _Text(look.at), look.machine
    root: Labels = {"container": "", "id": "/", "image": "", "name": "", "namespace": "", "pod": ""}
    rows = [(_cadvisor_labels(one), one) for one in look.containers]
    whole = {
        _CPU.name: machine.cpu_seconds, _MEMORY.name: float(machine.used_bytes),
        _START.name: machine.booted_at,
    }  # fmt: skip
    for family in _CADVISOR:
        samples: list[tuple[Labels, Value]] = [(_total(family, root), whole.get(family.name))]
        samples += [(_total(family, labels), family.of(one)) for labels, one in rows]
        text.add(family.name, family.type, family.help, samples)
    for way, index in (("receive", 1), ("transmit", 2)):
        links = ((root | {"interface": str(link[0])}, float(link[index])) for link in machine.network)
        name = f"container_network_{way}_bytes_total"
        text.add(name, "counter", f"Cumulative count of bytes, {way}", links)
    text.add("machine_cpu_cores", "gauge", "Number of logical CPU cores.", [({}, machine.cores)])
    text.add("machine_memory_bytes", "gauge", "Memory on the machine.", [({}, machine.memory_bytes)])
    return text.encode()


def _total(family: _Family, labels: Labels) -> Labels:
    return labels | {"cpu": "total"} if family is _CPU else labels


def _cadvisor_labels(one: Figures) -> Labels:
    """`id` and `name` tell the runs of a restarted container apart, as those of real ones do."""
    subject = one.subject
    run = f"{subject.container}/{subject.number}"
    return {
        "container": subject.container,
        "id": f"/kubepods/pod{subject.uid}/{run}",
        "image": subject.image,
        "name": f"{subject.uid}/{run}",
        "namespace": subject.namespace,
        "pod": subject.pod,
    }


def resource(look: Look) -> bytes:
    """The short list that metrics-server reads: containers, pods, node."""
    text, machine = _Text(look.at), look.machine
    rows = [(_resource_labels(one), one) for one in look.containers]
    for family in (_CPU, _MEMORY, _START):
        text.family(family, rows)
    node = (
        ("cpu_usage_seconds_total", "counter", machine.cpu_seconds, _CPU),
        ("memory_working_set_bytes", "gauge", machine.used_bytes, _MEMORY),
    )
    for name, type_, value, family in node:
        text.add(f"node_{name}", type_, "Of the whole machine.", [({}, value)])
        text.add(f"pod_{name}", type_, "Of all running containers of the pod.", _by_pod(look, family))
    text.add("resource_scrape_error", "gauge", "1 if the figures could not be taken.", [({}, 0)])
    return text.encode()


def _resource_labels(one: Figures) -> Labels:
    subject = one.subject
    return {"container": subject.container, "namespace": subject.namespace, "pod": subject.pod}


def _by_pod(look: Look, family: _Family) -> list[tuple[Labels, Value]]:
    sums: dict[tuple[str, str], float] = {}
    for one in look.containers:
        key = (one.subject.namespace, one.subject.pod)
        sums[key] = sums.get(key, 0.0) + (family.of(one) or 0.0)
    return [({"namespace": namespace, "pod": pod}, value) for (namespace, pod), value in sums.items()]
