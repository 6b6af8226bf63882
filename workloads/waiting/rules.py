"""What a rule about one kind of message is, and what it answers. Pure; the rules are in the modules beside.

Messages are anybody's text: only so much of one is looked at, and patterns take time in step with its length.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LOOKED_AT = 5_000  # characters; Kubernetes itself keeps at most 1,024 of an event and 4,096 of a container's
SHORT = 400

_RESOURCES = {
    "nvidia.com/gpu": "GPUs",
    "GPU": "GPUs",
    "cpu": "CPU",
    "memory": "memory",
    "pods": "room for pods",
    "CPU cores": "CPU",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One message: who said it (`kube-scheduler`, `pod x`), its reason and its words, all of them hostile."""

    by: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`words` as they stand beside a phase, without a full stop; `step` is what to do, one or two sentences.

    A `general` one gives way to one that says more. `room` tells that free room on nodes would help.
    """

    words: str
    step: str = ""
    general: bool = False
    room: bool = False


@dataclass(frozen=True)
class Rule:
    """Explains messages that match `pattern`; its named groups can stand in `words` and `step`.

    So can those of `about`, which is looked for besides; empty where it is not there.
    """

    pattern: str
    words: str
    step: str = ""
    reasons: frozenset[str] = frozenset()  # of these alone; of all where it is empty
    general: bool = False
    room: bool = False
    about: re.Pattern[str] | None = None
    compiled: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern, re.DOTALL))

    def read(self, told: Told) -> Explanation | None:
        if self.reasons and told.reason not in self.reasons:
            return None
        message = told.message[:LOOKED_AT]
        found = self.compiled.search(message)
        if found is None:
            return None
        parts = {name: _part(name, value) for name, value in self._groups(message, found).items()}
        words = short(self.words.format_map(parts).replace(" ()", ""))
        return Explanation(words, short(self.step.format_map(parts)), self.general, self.room)

    def _groups(self, message: str, found: re.Match[str]) -> dict[str, str | None]:
        if self.about is None:
            return found.groupdict()
        besides = self.about.search(message)
        return (
            dict.fromkeys(self.about.groupindex)
            | (besides.groupdict() if besides else {})
            | found.groupdict()
        )


def first(rules: Iterable[Rule], told: Told) -> Explanation | None:
    """What the first of `rules` that knows the message answers."""
    return next(filter(None, (rule.read(told) for rule in rules)), None)


def resource(name: str) -> str:
    """A resource as people call it: `requests.nvidia.com/gpu` is GPUs."""
    return _RESOURCES.get(name.removeprefix("requests.").removeprefix("limits."), name)


def short(text: str) -> str:
    """At most SHORT characters, on one line; the rest is a click away."""
    line = " ".join(text[: 4 * SHORT].split())
    return f"{line[: SHORT - 1].rstrip()}…" if len(line) > SHORT else line


def _part(name: str, value: str | None) -> str:
    text = (value or "").strip()
    return resource(text) if name == "resource" else text
