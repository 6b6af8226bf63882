"""What the lines of one endpoint were found to be: read once, known by their heads from then on.

It holds what the last scrape brought and no more. A pod of the same name with another uid is another series.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from metrics import labels
from metrics.figures import PodsNow
from metrics.scraping.text import Fresh, Page
from metrics.series import METRICS, Labels, Metric, Scope

Key = tuple[str, Labels]
PodName = tuple[str, str]
_BY_NAME: dict[str, tuple[Metric, float]] = {
    name.text: (metric, name.factor) for metric in METRICS.values() for name in metric.names
}


@dataclass(frozen=True, slots=True)
class Slot:
    """What a series is: `factor` brings what is scraped to our unit; `pod` is whose it is by name."""

    metric: Metric
    labels: Labels
    factor: float
    name: str
    pod: PodName | None
    model: str = ""

    @property
    def key(self) -> Key:
        return self.metric.key, self.labels


@dataclass(slots=True)
class Memory:
    """`known`: the series of a line by its head, None for one that is left out; `slots` by series."""

    known: dict[bytes, int | None] = field(default_factory=dict)
    slots: dict[int, Slot] = field(default_factory=dict)
    pods: dict[bytes, PodName] = field(default_factory=dict)

    def forget(self, others: Set[PodName]) -> None:
        """Forget lines of pods that are not who they were."""
        for head in [head for head, name in self.pods.items() if name in others]:
            self.known.pop(head, None)
            del self.pods[head]

    def slot(self, line: Fresh, node: str, pods: PodsNow) -> Slot | None:
        """What a fresh line is; None, remembered, for what is not kept: whole pods, pods not of ours."""
        metric, factor = _BY_NAME[line.name]
        given = labels.pairs(line.head)
        found = labels.ours(metric, given, node)
        if found is None:
            self.known[line.head] = None
            return None
        name = (found.namespace, found.pod) if found.pod else None
        uid = pods[name].uid if name in pods else ""
        if name:
            self.pods[line.head] = name
        if metric.scope is Scope.POD and not uid:
            self.known[line.head] = None
            return None
        return Slot(metric, replace(found, pod_uid=uid), factor, line.name, name, given.get("modelName", ""))

    def learn(self, found: Iterable[tuple[Fresh, Slot]], numbers: dict[Key, int], page: Page) -> None:
        """Add fresh lines to `page`, and know them henceforth. Of two names for a series the first counts."""
        for line, slot in found:
            number = numbers.get(slot.key)
            if number is None or self.slots.setdefault(number, slot).name != slot.name:
                self.known[line.head] = None
                continue
            self.known[line.head] = number
            page.series.append(number)
            page.values.append(line.value)
            page.times.append(line.time)

    def keep_only(self, page: Page) -> None:
        """Forget the lines that this scrape did not bring."""
        if len(page.seen) < len(self.known):
            seen = set(page.seen)
            self.known = {head: number for head, number in self.known.items() if head in seen}
            self.pods = {head: pod for head, pod in self.pods.items() if head in seen}
            there = set(self.known.values())
            self.slots = {number: slot for number, slot in self.slots.items() if number in there}
