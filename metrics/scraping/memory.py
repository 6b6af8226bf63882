"""What the lines of one endpoint were found to be: read once, known by their heads from then on.

It holds what the last scrape brought and no more. A pod of the same name with another uid is another series.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace

from metrics import labels
from metrics.figures import Figure, PodsNow
from metrics.scraping.layout import Layout, Slot
from metrics.scraping.text import Fresh, Page
from metrics.series import METRICS, Labels, Metric, Scope
from metrics.store.staging import Brought

Key = tuple[str, Labels]
PodName = tuple[str, str]
#: A rate over more tenths of a second than this is none of now.
LONGEST_RATE = 1_200
_BY_NAME: dict[str, tuple[Metric, float]] = {
    name.text: (metric, name.factor) for metric in METRICS.values() for name in metric.names
}


@dataclass(slots=True)
class Memory:
    """`known`: the series of a line by its head, None for one that is left out; `slots` by series.

    `before`: of counters their last time and value, and how fast they rose then.
    """

    known: dict[bytes, int | None] = field(default_factory=dict)
    slots: dict[int, Slot] = field(default_factory=dict)
    pods: dict[bytes, PodName] = field(default_factory=dict)
    before: dict[int, tuple[int, float, float | None]] = field(default_factory=dict)
    _layout: Layout | None = None

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
        return Slot(metric, replace(found, pod_uid=uid), factor, line.name, given.get("modelName", ""))

    def learn(self, found: Iterable[tuple[Fresh, Slot]], numbers: dict[Key, int], page: Page) -> None:
        """Add fresh lines to `page`, and know them henceforth. Of two names for a series the first counts."""
        for line, slot in found:
            self._layout = None
            number = numbers.get(slot.key)
            if number is None or self.slots.setdefault(number, slot).name != slot.name:
                self.known[line.head] = None
                continue
            self.known[line.head] = number
            page.series.append(number)
            page.values.append(line.value)
            page.times.append(line.time)

    def brought(self, node: str, page: Page, now: int) -> tuple[Brought, list[Figure]]:
        """The samples of `page`, all lines of which are known, and what they say of now (tenths)."""
        if self._layout is None or self._layout.lines != page.series:
            self._layout = Layout.of(page.series, self.slots)
        brought = self._layout.brought(node, page, now)
        return brought, list(self._figures(self._layout, brought))

    def _figures(self, layout: Layout, brought: Brought) -> Iterator[Figure]:
        """Of a counter, its rate since the look before."""
        values = brought.values.tolist()
        for place, slot in layout.latest:
            value = values[place]
            if slot.metric.counter:
                value = self._rate(int(layout.series[place]), int(brought.times[place]), value)
            if value is not None:
                yield Figure(slot.metric.key, slot.labels, value, slot.model)

    def _rate(self, number: int, time: int, value: float) -> float | None:
        """A second, since the look before; the same again while the kubelet has not looked anew."""
        then, was, rate = self.before.get(number, (time, value, None))
        if then != time:
            near = 0 < time - then <= LONGEST_RATE
            rate = (value - was if value >= was else value) / (time - then) * 10 if near else None
        self.before[number] = time, value, rate
        return rate

    def keep_only(self, page: Page) -> None:
        """Forget the lines that this scrape did not bring."""
        if len(page.seen) < len(self.known):
            seen = set(page.seen)
            self.known = {head: number for head, number in self.known.items() if head in seen}
            self.pods = {head: pod for head, pod in self.pods.items() if head in seen}
            there = set(self.known.values())
            self.slots = {number: slot for number, slot in self.slots.items() if number in there}
            self.before = {number: last for number, last in self.before.items() if number in there}
