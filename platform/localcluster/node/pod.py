"""The worker of one pod: step by step it makes this machine agree with the pod's object.

A step looks at the object and at the containers' records, does what is missing, and writes the status; it
never waits. What may call for another step (a changed object, an ended process, a probe, a due time) only
wakes the worker, so that a pod has one serial story, and a new server goes on where a dead one was.
"""

import asyncio
import contextlib
import json
import logging
import shutil
import time
from typing import Any

from localcluster import quantities, times
from localcluster.status import ApiError

from .addresses import pod_ip
from .attendant import Attendant
from .container import Container
from .environment import Environment, Places
from .fields import ConfigError
from .host import Host, Verdict
from .podstatus import TERMINAL, describe, merge_conditions, set_condition
from .volumes import Volumes

log = logging.getLogger(__name__)
Obj = dict[str, Any]
RETRY_SECONDS = 5.0
LONGEST_WAIT = 3600.0


class PodWorker:
    """Runs until the pod's object is gone and nothing of it is left on this machine."""

    def __init__(self, host: Host, pod: Obj) -> None:
        self.host, self.pod = host, pod
        self.uid: str = pod["metadata"]["uid"]
        self.folder = host.pods / self.uid
        self.containers = [
            Container(spec, self.folder / "containers" / spec["name"], self.uid, self.wake, init)
            for init, key in ((True, "initContainers"), (False, "containers"))
            for spec in pod["spec"].get(key) or []
        ]
        for container in self.containers:
            container.ip = pod_ip(pod)
        self.places: Places | None = None
        self.verdict: Verdict | None = None
        self.deleted = self.gone = False
        self.ended = asyncio.Event()
        self._wake = asyncio.Event()
        self._due = 0.0
        self.attendant = Attendant(self._say, self.own_grace, self.equip)
        self._said: set[tuple[str, str]] = set()

    # -- what others may tell it --------------------------------------------------------------------

    def wake(self) -> None:
        self._wake.set()

    def update(self, pod: Obj) -> None:
        self.pod = pod
        self.wake()

    def forget(self) -> None:
        """Its object is gone: so must be everything else."""
        self.deleted = True
        self.wake()

    def end(self, verdict: Verdict) -> None:
        """The node wants it to end; a pod that is over already stays as it is."""
        if not self.over:
            self.verdict = self.verdict or verdict
            self.wake()

    @property
    def over(self) -> bool:
        return self._phase in TERMINAL

    @property
    def alive(self) -> bool:
        return any(one.alive for one in self.containers)

    @property
    def settled(self) -> bool:
        """Nothing of it runs and its status says so."""
        return self.over and not self.alive

    @property
    def lacks_config(self) -> bool:
        """It waits for something that its spec refers to."""
        unprepared = self.places is None and not self.over
        return unprepared or any(
            one.waiting and one.waiting[0] == "CreateContainerConfigError" for one in self.containers
        )

    @property
    def _phase(self) -> str:
        return (self.pod.get("status") or {}).get("phase", "Pending")

    @property
    def _meta(self) -> Obj:
        return self.pod["metadata"]

    @property
    def _policy(self) -> str:
        return self.pod["spec"].get("restartPolicy") or "Always"

    def container(self, name: str) -> Container | None:
        return next((one for one in self.containers if one.name == name), None)

    # -- its life -----------------------------------------------------------------------------------

    def restore(self) -> None:
        """Takes up what an earlier server left of it."""
        for container in self.containers:
            container.restore()

    async def run(self) -> None:
        """Steps until the pod is gone. A bad pod harms no other: what goes wrong is logged and retried."""
        while not self.gone:
            self._wake.clear()
            self._due = float("inf")
            try:
                self._step()
            except ApiError as error:
                if error.code != 404:  # gone from the API: the event that says so is on its way
                    log.warning("pod %s: %s", self._full_name, error)
                    self._look_in(RETRY_SECONDS)
            except Exception:
                log.exception("pod %s: step failed", self._full_name)
                self._look_in(RETRY_SECONDS)
            await self._next()

    async def _next(self) -> None:
        if self.gone or self._wake.is_set():
            return
        left = min(max(self._due - time.time(), 0.0), LONGEST_WAIT)
        timer = asyncio.get_running_loop().call_later(left, self._wake.set)
        try:
            await self._wake.wait()  # not wait_for: it may swallow the cancellation that stops this task
        finally:
            timer.cancel()

    def close(self) -> None:
        """Stops watching; processes that run go on."""
        self.attendant.close()
        for container in self.containers:
            if container.attempt:
                container.attempt.release()

    def _look_at(self, moment: float) -> None:
        self._due = min(self._due, moment)

    def _look_in(self, seconds: float) -> None:
        self._look_at(time.time() + seconds)

    @property
    def _full_name(self) -> str:
        return f"{self._meta['namespace']}/{self._meta['name']}"

    def _say(self, kind: str, reason: str, message: str) -> None:
        """Tells of it as an event; one that cannot be told changes nothing."""
        with contextlib.suppress(ApiError):
            self.host.registry.event(self.pod, kind, reason, message, "kubelet")

    def _say_once(self, kind: str, reason: str, message: str) -> None:
        if (reason, message) not in self._said:
            self._said.add((reason, message))
            self._say(kind, reason, message)

    # -- one step -----------------------------------------------------------------------------------

    def _step(self) -> None:
        self._check_deadline()
        ending = self._ending_grace()
        if ending is not None:
            self.attendant.end(self.containers, ending)
        else:
            self._advance()
        for container in self.containers:
            self.attendant.tend(container)
        if any(one.running for one in self.containers):
            self.host.node.container_started()
        if not self.deleted and not self.over:
            self._publish(ended=ending is not None)
        if self.settled or (self.deleted and not self.alive):
            self._settle()
        if self.gone or self.settled:
            self.ended.set()

    def _check_deadline(self) -> None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        started = (self.pod.get("status") or {}).get("startTime")
        if seconds is None or started is None or self.over:
            return
        deadline = times.parse(started) + seconds
        if time.time() < deadline:
            return self._look_at(deadline)
        message = "Pod was active on the node longer than the specified deadline"
        if self.verdict is None:
            self._say("Normal", "DeadlineExceeded", message)
            self.verdict = Verdict("DeadlineExceeded", message, self.own_grace)

    @property
    def own_grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _ending_grace(self) -> float | None:
        """Seconds its processes have to end by themselves; None while they may run."""
        graces = [self.verdict.grace] if self.verdict else []
        if self._meta.get("deletionTimestamp"):
            graces.append(float(self._meta.get("deletionGracePeriodSeconds") or 0))
        if self.deleted:
            graces.append(1.0)
        if self.over:
            graces.append(0.0)
        return min(graces) if graces else None

    def _settle(self) -> None:
        """Over: gives back what it held; deleted as well: leaves nothing."""
        self.attendant.close()
        if self.host.ledger.free(self.uid):
            self.host.node.gpus_freed()
        if self.deleted:
            for container in self.containers:
                if container.attempt:
                    container.attempt.release()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.gone = True
        elif self._meta.get("deletionTimestamp"):
            self.host.registry.finalize("pods", self._meta["namespace"], self._meta["name"])

    # -- bringing it up -----------------------------------------------------------------------------

    def _advance(self) -> None:
        if self._is_done():
            return self.attendant.end(self.containers, self.own_grace)  # sidecars end after those they served
        if not self._prepare():
            return
        for container in self.containers:
            if not container.init:
                self._keep(container, self._policy)
            elif container.sidecar:
                self._keep(container, "Always")
                if not container.running:
                    return
            elif not container.succeeded:
                return self._keep(container, "Never" if self._policy == "Never" else "OnFailure")

    def _is_done(self) -> bool:
        """Every container but the sidecars has ended for good."""
        main = [one for one in self.containers if not one.init]
        if self._policy == "Always" or not all(one.exited for one in main):
            return False
        return self._policy == "Never" or all(one.succeeded for one in main)

    def _prepare(self) -> bool:
        """Scratch, volumes and GPUs are there; False while something is missing, which an event tells."""
        if self.places is not None:
            return True
        scratch, temporary = self.folder / "scratch", self.folder / "tmp"
        for folder in (self.folder, scratch, temporary):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._take_gpus():
            return False
        registry, machine = self.host.registry, self.host.machine
        try:
            volumes = Volumes(self.pod, self.folder / "volumes", registry.get, machine).make()
        except ConfigError as error:
            self._say_once("Warning", "FailedMount", str(error))
            self._look_in(RETRY_SECONDS)
            return False
        self.places = Places(scratch, temporary, volumes, self.host.programs)
        return True

    def _take_gpus(self) -> bool:
        """Devices for every container that asks, written down before any process may use them."""
        held = {}
        for container in self.containers:
            limits = (container.spec.get("resources") or {}).get("limits") or {}
            count = quantities.whole(limits.get("nvidia.com/gpu", 0))
            if count:
                uuids = self.host.ledger.take((self.uid, container.name), count)
                if uuids is None:
                    return False
                held[container.name] = uuids
        beside = self.folder / "pod.json.new"
        names = {key: self._meta[key] for key in ("namespace", "name")}
        beside.write_text(json.dumps(names | {"gpus": held}))
        beside.rename(self.folder / "pod.json")
        return True

    def gpus_of(self, container: Container) -> list[str]:
        return self.host.ledger.held((self.uid, container.name))

    def _keep(self, container: Container, policy: str) -> None:
        """Starts it, or starts it again when its end and `policy` ask for that."""
        if container.attempt is None:
            return self._start(container)
        if not container.exited:
            return
        if policy == "Never" or (policy == "OnFailure" and container.succeeded):
            return
        if not container.waiting:
            container.count_failure(self.host.backoff)
        due = container.retry_at(self.host.backoff)
        if due <= time.time():
            return self._start(container)
        self._look_at(due)
        if not container.waiting:
            self._back_off(container)

    def _back_off(self, container: Container) -> None:
        name = f"{self._meta['name']}_{self._meta['namespace']}({self.uid})"
        seconds = round(self.host.backoff.delay(container.failures))
        words = f"back-off {_duration(seconds)} restarting failed container={container.name} pod={name}"
        container.waiting = ("CrashLoopBackOff", words)
        message = f"Back-off restarting failed container {container.name} in pod {name}"
        self._say("Warning", "BackOff", message)

    def _start(self, container: Container) -> None:
        image = container.spec.get("image", "")
        if not container.spec.get("command"):
            return self._no_image(container)
        try:
            environment = self._environment(container)
            variables = environment.variables(self.gpus_of(container))
            argv, folder = environment.arguments(variables), environment.folder()
        except ConfigError as error:
            container.waiting = ("CreateContainerConfigError", str(error))
            self._say_once("Warning", "Failed", f"Error: {error}")
            return self._look_in(RETRY_SECONDS)
        words = f'Container image "{image}" is a name here: its command runs as a process of this machine'
        self._say_once("Normal", "Pulled", words)
        self._say("Normal", "Created", f"Created container: {container.name}")
        container.start(argv, variables, folder)

    def _environment(self, container: Container) -> Environment:
        assert self.places is not None
        host = self.host
        return Environment(self.pod, container.spec, self.places, host.machine, host.registry.get)

    def equip(self, container: Container) -> None:
        """Gives one of an earlier server what runs beside it: environment and folder."""
        if not container.environment and self.places is not None:
            environment = self._environment(container)
            container.environment = environment.variables(self.gpus_of(container))
            container.cwd = str(environment.folder())

    def _no_image(self, container: Container) -> None:
        """A container that leaves its command to its image: what Kubernetes says of a bad image."""
        image = container.spec.get("image", "")
        why = "the embedded cluster runs no images, so the container needs a command"
        if container.waiting is None:
            container.waiting = ("ErrImagePull", f'failed to pull image "{image}": {why}')
            self._say("Warning", "Failed", f'Failed to pull image "{image}": {why}')
            self._say("Warning", "Failed", "Error: ErrImagePull")
            self._look_in(1.0)
        elif container.waiting[0] == "ErrImagePull":
            container.waiting = ("ImagePullBackOff", f'Back-off pulling image "{image}": {why}')
            self._say("Normal", "BackOff", f'Back-off pulling image "{image}"')

    def kill_for_memory(self, container: Container) -> None:
        """Over its limit: what the kernel does to a container of a real node."""
        words = f"Container {container.name} exceeded its memory limit"
        self.attendant.kill(container, words, 0, "OOMKilled")

    # -- telling the world --------------------------------------------------------------------------

    def _publish(self, ended: bool) -> None:
        body = describe(self.containers, self._policy, pod_ip(self.pod) if self.places else "", ended)
        verdict = self.verdict if ended and not self.alive else None
        if verdict:
            body |= {"phase": "Failed", "reason": verdict.reason, "message": verdict.message}

        def change(pod: Obj) -> None:
            old = pod.get("status") or {}
            if pod["metadata"]["uid"] != self.uid or old.get("phase") in TERMINAL:
                return
            merged = merge_conditions(old.get("conditions") or [], body["conditions"])
            started = old.get("startTime") or times.now()
            pod["status"] = {**old, **body, "conditions": merged, "startTime": started}
            if verdict and verdict.condition:
                set_condition(pod["status"], verdict.condition)

        meta = self._meta
        pod = self.host.registry.mutate("pods", meta["namespace"], meta["name"], change, subresource="status")
        if pod["metadata"]["uid"] == self.uid:
            self.pod = pod


def _duration(seconds: int) -> str:
    """As Go prints it: 10s, 2m40s, 5m0s."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
