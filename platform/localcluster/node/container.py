"""One container of a pod: its runs so far, the present one, and what Kubernetes would say of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from localcluster import times
from localcluster.backoff import Backoff

from .addresses import HOST_IP
from .attempt import Attempt, Record, Spec

Obj = dict[str, Any]


class Killable(Protocol):
    def kill(self) -> None: ...


class Container:
    """`folder` holds one folder a run, named by its number, which is also the restart count."""

    def __init__(self, spec: Obj, folder: Path, mark: str, changed: Callable[[], None], init: bool) -> None:
        self.spec, self.folder, self.mark, self.changed, self.init = spec, folder, mark, changed, init
        self.name: str = spec["name"]
        self.number = 0
        self.attempt: Attempt | None = None
        self.previous: Record | None = None
        self.waiting: tuple[str, str] | None = None
        self.failures = 0
        self.started = self.ready = False
        self.announced = False  # Started, or why not, has been told as an event
        self.environment: dict[str, str] = {}
        self.cwd = "/"
        self.sessions: set[Killable] = set()  # commands that run beside it, and end with it
        self.ip = HOST_IP

    @property
    def sidecar(self) -> bool:
        return self.init and self.spec.get("restartPolicy") == "Always"

    @property
    def record(self) -> Record | None:
        return self.attempt.record if self.attempt else None

    @property
    def running(self) -> bool:
        return bool(self.attempt and self.attempt.running)

    @property
    def alive(self) -> bool:
        """Something of it may still run: started and not known to have ended."""
        return bool(self.attempt and not self.attempt.exited)

    @property
    def exited(self) -> bool:
        return bool(self.attempt and self.attempt.exited)

    @property
    def succeeded(self) -> bool:
        return self.exited and self.record is not None and self.record.exit_code == 0

    def run_folder(self, number: int) -> Path:
        return self.folder / str(number)

    def restore(self) -> None:
        """Takes up the runs that an earlier server left."""
        numbers = sorted(int(path.name) for path in self.folder.glob("[0-9]*") if path.name.isdigit())
        if not numbers:
            return
        self.number = self.failures = numbers[-1]
        self.previous = Record.read(self.run_folder(self.number - 1) / "state") if len(numbers) > 1 else None
        self.attempt = self._attempt()
        self.attempt.adopt()
        self.announced = True

    def _attempt(self) -> Attempt:
        return Attempt(self.run_folder(self.number), f"{self.mark}/{self.name}/{self.number}", self.changed)

    def visitor(self) -> dict[str, str]:
        """The environment of a command that is to run beside the present run, and to end with it."""
        return self.attempt.visitor(self.environment) if self.attempt else self.environment

    def end_visitors(self) -> None:
        """The run is over: so is all that ran beside it, wherever it has gone. Safe to repeat."""
        for session in list(self.sessions):
            session.kill()
        if self.attempt:
            self.attempt.end_visitors()

    def _next_run(self) -> Attempt:
        """The present run becomes the previous; the one before that goes, with its log."""
        self.end_visitors()
        if self.attempt is not None:
            self.attempt.release()
            self.previous = self.record
            self.number += 1
            stale = self.run_folder(self.number - 2)
            if stale.exists():
                Attempt(stale, "", self.changed).remove()
        self.attempt = self._attempt()
        self.waiting, self.announced = None, False
        self.started = self.ready = False
        return self.attempt

    def start(self, argv: list[str], environment: dict[str, str], cwd: Path) -> None:
        """Begins the next run; how that goes is in `record` soon."""
        self.environment, self.cwd = environment, str(cwd)
        attempt = self._next_run()
        try:
            attempt.start(Spec(argv, environment, str(cwd)))
        except (OSError, ValueError) as error:
            attempt.fail("StartError", str(error))

    def retry_at(self, backoff: Backoff) -> float:
        """When, in seconds since the epoch, an ended container may run again.

        At once when it ended in the future: the clock was set back, and says nothing about how long ago.
        """
        assert self.record is not None
        ended = self.record.finished_at / 1e9
        return ended + backoff.delay(self.failures) if ended <= time.time() else 0.0

    def count_failure(self, backoff: Backoff) -> None:
        """An end counts with those before it, unless the container ran long enough to be forgiven."""
        assert self.record is not None
        ran = (self.record.finished_at - self.record.started_at) / 1e9
        self.failures = 1 if ran >= backoff.forgiven_after else self.failures + 1

    def status(self, pod_waiting: str) -> Obj:
        """Its ContainerStatus; `pod_waiting` is the reason while it was never tried."""
        state, last = self._states(pod_waiting)
        record = self.record
        identity = record.child if record else None
        return {
            "name": self.name,
            "image": self.spec.get("image", ""),
            "imageID": "",
            "containerID": f"process://{identity.pid}" if identity else "",
            "ready": self.ready if not self.init else self.succeeded,
            "started": self.running and self.started,
            "restartCount": self.shown,
            "state": state,
            "lastState": last,
        }

    def _states(self, pod_waiting: str) -> tuple[Obj, Obj]:
        record = self.record
        last = terminated(self.previous) if self.previous else {}
        if self.waiting:
            reason, message = self.waiting
            state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
            return state, terminated(record) if record and self.exited else last
        if self._shows_previous:
            return last, {}
        if record is None or record.phase == "starting":
            return {"waiting": {"reason": pod_waiting}}, last
        if record.phase == "running":
            return {"running": {"startedAt": times.text(record.started_at / 1e9)}}, last
        return terminated(record), last

    @property
    def shown(self) -> int:
        """The number of the run that its status tells of."""
        return self.number - self._shows_previous

    @property
    def _shows_previous(self) -> bool:
        """As kubelet has it: the old run is shown until the new one is seen."""
        starts = self.record is None or self.record.phase == "starting"
        return bool(self.previous) and starts and not self.waiting


def terminated(record: Record) -> Obj:
    """The `terminated` state of an ended run."""
    body: Obj = {
        "exitCode": record.exit_code,
        "reason": record.reason or ("Completed" if record.exit_code == 0 else "Error"),
        "startedAt": times.text(record.started_at / 1e9),
        "finishedAt": times.text(record.finished_at / 1e9),
    }
    if record.signal:
        body["signal"] = record.signal
    if record.message:
        body["message"] = record.message
    if record.child:
        body["containerID"] = f"process://{record.child.pid}"
    return {"terminated": body}


def age(record: Record) -> float:
    """Seconds since the run began."""
    return time.time() - record.started_at / 1e9
