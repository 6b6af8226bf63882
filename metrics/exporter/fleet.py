"""All GPUs of the machine, looked at side by side and within bounds; NVML is started anew when it fails.

A GPU that is lost or hangs holds up no other: its figures are dropped, and the reason is told in their place.
"""

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from .device import Device, Identity, Reading
from .lanes import Hangs, Lane, result
from .nvml import reason, start

log = logging.getLogger(__name__)
FRESH_SECONDS = 1.0  # whoever asks again within this gets the same look
RETRY_SECONDS = 30.0  # between starts of NVML while something is wrong, doubled up to
LONGEST_RETRIES = 16  # times that: a start costs the GPUs that are well a look at their profile


@dataclass(frozen=True)
class State:
    """Why there are no figures, "" when there are; see `nvml.REASONS`."""

    identity: Identity
    reason: str = ""
    readings: list[Reading] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """The driver's own state, then each GPU that was ever seen, by index."""

    reason: str
    devices: list[State]


class Fleet:
    """`seconds` bounds one look: first at the driver, then at all GPUs at once."""

    def __init__(self, seconds: float = 3.0, retry_seconds: float = RETRY_SECONDS) -> None:
        self.seconds, self.retry_seconds = seconds, retry_seconds
        self._turn = threading.Lock()
        self._driver = Lane("driver")
        self._devices: list[Device] = []
        self._lanes: dict[int, Lane] = {}
        self._known: dict[str, State] = {}
        self._started_at, self._pause = float("-inf"), 0.0
        self._starting: Future[int] | None = None
        self._reason = "no_driver"
        self._look, self._looked_at = Look("", []), float("-inf")
        self._worked_at: float | None = None

    def look(self) -> Look:
        """The figures of now, at most a second old. Never raises, and returns within its bounds."""
        with self._turn:
            if time.monotonic() - self._looked_at > FRESH_SECONDS:
                self._look = self._take()
                self._looked_at = time.monotonic()
                if not self._look.reason:
                    self._worked_at = self._looked_at
            return self._look

    @property
    def failing_seconds(self) -> float:
        """For how long NVML has not answered though it once did; 0 while it does or never has."""
        return 0.0 if self._worked_at is None else max(0.0, self._looked_at - self._worked_at)

    def _take(self) -> Look:
        if self._starting is None and self._is_start_due():
            self._begin_start()
        if self._starting is not None:
            self._await_start()
        if self._reason:
            return Look(self._reason, [State(one.identity, self._reason) for one in self._sorted()])
        self._read()
        return Look("", self._sorted())

    def _sorted(self) -> list[State]:
        return sorted(self._known.values(), key=lambda one: one.identity.index)

    def _is_start_due(self) -> bool:
        """At first, and ever more rarely while something is wrong; never under a call that still hangs."""
        if any(lane.busy for lane in (self._driver, *self._lanes.values())):
            return False
        if not self._reason and not any(state.reason for state in self._known.values()):
            self._pause = 0.0
            return False
        return time.monotonic() - self._started_at >= self._pause

    def _begin_start(self) -> None:
        """Starts NVML, anew if need be; GPUs that it then does not list are lost."""
        self._started_at = time.monotonic()
        self._pause = min(max(2 * self._pause, self.retry_seconds), LONGEST_RETRIES * self.retry_seconds)
        self._known = {uuid: State(one.identity, "lost") for uuid, one in self._known.items()}
        self._starting = self._driver.start(start)

    def _await_start(self) -> None:
        """A start may take longer than one look, where the driver has to wake every GPU."""
        before = self._reason
        try:
            count = result(self._starting, time.monotonic() + self.seconds)
        except Hangs:
            self._reason = "hangs"
            return
        except Exception as error:
            self._reason = reason(error)
            if self._reason != before:
                log.warning("NVML does not start: %s", error)
        else:
            same = self._devices if count == len(self._devices) else []
            last = {one.index: one.identity for one in same}  # a lost one could not tell who it is
            self._devices, self._reason = [Device(index, last.get(index)) for index in range(count)], ""
        self._starting = None

    def _read(self) -> None:
        """One call for each GPU, all at once."""
        deadline = time.monotonic() + self.seconds
        calls = [self._lane(one.index).start(one.read) for one in self._devices]
        for device, call in zip(self._devices, calls, strict=True):
            try:
                readings = result(call, deadline)
                self._keep(State(device.identity_or_unknown, readings=readings))
            except Hangs:
                self._fail(device, "hangs")
            except Exception as error:
                self._fail(device, reason(error), error)

    def _lane(self, index: int) -> Lane:
        """One for each GPU, for good: a start of NVML does not free a call that hangs."""
        if index not in self._lanes:
            self._lanes[index] = Lane(f"gpu {index}")
        return self._lanes[index]

    def _fail(self, device: Device, why: str, error: Exception | None = None) -> None:
        identity = device.identity_or_unknown
        before = self._known.get(identity.uuid)
        if before is None or before.reason != why:
            log.warning("GPU %d (%s): %s", identity.index, identity.uuid or "unknown", error or why)
        self._keep(State(identity, why))
        if why == "no_driver":  # all of NVML is gone, not this GPU alone: start anew with the next look
            self._pause = 0.0

    def _keep(self, state: State) -> None:
        """By UUID; one that could not be identified goes by its index until it can."""
        if state.identity.uuid:
            self._known.pop(f"#{state.identity.index}", None)
        self._known[state.identity.uuid or f"#{state.identity.index}"] = state
