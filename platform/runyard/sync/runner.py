"""Syncs one cluster for as long as it holds the lease: followers observe, this thread applies.

News is applied in batches (`applier`). Nothing is remembered over a restart but rows.
"""

import threading
import time
from functools import partial
from queue import Empty, Queue

from django.utils import timezone

from runyard.clusters import absences, objects
from runyard.clusters.connection import ClusterError, Connection, connect
from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.clusters.scheduler_objects import KaiQueueObject
from runyard.kit.publish import publish
from runyard.sync import lease
from runyard.sync.applier import BATCH, Applier
from runyard.sync.follower import Follower, start
from runyard.sync.freshness import freshness_of
from runyard.sync.known import known, unseen
from runyard.sync.source import Source, Watched
from runyard.sync.store import Store
from workloads.kinds import BY_RESOURCE
from workloads.queueing import guarantees
from workloads.queueing.schedulers import SCHEDULERS

WAIT_SECONDS, BEAT_SECONDS = 0.5, 5.0
INBOX = 5_000

WATCHED = (
    *(Watched(kind.resource, kind.path(), kind.type) for kind in BY_RESOURCE.values()),
    Watched("pods", "/api/v1/pods", objects.Pod),
    Watched("events", "/api/v1/events", objects.Event),
    Watched("nodes", "/api/v1/nodes", objects.Node),
    *(
        Watched(one.resource, one.paths()[0], one.type, optional=True, others=one.paths()[1:])
        for one in SCHEDULERS.values()
    ),
    Watched(guarantees.RESOURCE, guarantees.PATH, KaiQueueObject, optional=True),
)
OPTIONAL = frozenset(watched.resource for watched in WATCHED if watched.optional)


class Runner:
    """One cluster, one epoch. `run` returns when the time is up or `stop` is set; raises LeaseLost."""

    def __init__(self, cluster: Cluster, epoch: int, stop: threading.Event):
        self._cluster, self._epoch, self._asked_to_stop = cluster, epoch, stop
        self._stop = threading.Event()
        self._inbox: Queue[Seen] = Queue(INBOX)
        self._followers: list[Follower] = []
        self._applier = Applier(cluster, epoch)
        self._connection: Connection | None = None
        self._beat_at, self._away = 0.0, False

    def run(self, seconds: float) -> None:
        """Follow everything for at most `seconds`."""
        ends = time.monotonic() + seconds
        try:
            while time.monotonic() < ends and not self._asked_to_stop.is_set() and not self._moved():
                self.turn()
        finally:
            self.stop()

    def turn(self) -> None:
        """Write what has come in, and say how fresh we are when it is time. Raises LeaseLost."""
        self._start_followers()
        batch = self._take()
        if batch:
            self._applier.apply(batch)
        if time.monotonic() >= self._beat_at:
            self._beat()

    def stop(self) -> None:
        """Have the followers end; what they told and was not written is forgotten."""
        self._stop.set()
        for follower in self._followers:
            follower.interrupt()

    def _start_followers(self) -> None:
        """Once a connection can be made; until then `_beat` says why not."""
        if self._followers:
            return
        try:
            connection = self._connection = connect(self._cluster)
        except ClusterError:
            return
        for watched in WATCHED:
            have = known(self._cluster, watched.resource)
            store = Store(watched.resource, have, forgets=watched.resource == "events")
            expected = partial(unseen, self._cluster, watched.resource)
            follower = Follower(Source(connection, watched), store, self._inbox, self._stop, expected)
            self._followers.append(follower)
            start(follower)

    def _moved(self) -> bool:
        """Whether the kubeconfig has changed: whoever follows next reads the new one."""
        try:
            return self._connection is not None and connect(self._cluster) is not self._connection
        except ClusterError:
            return False

    def _take(self) -> list[Seen]:
        """What has come in, at most BATCH; waits a little for the first."""
        try:
            batch = [self._inbox.get(timeout=WAIT_SECONDS)]
        except Empty:
            return []
        while len(batch) < BATCH and not self._inbox.empty():
            batch.append(self._inbox.get_nowait())
        return batch

    def _beat(self) -> None:
        """Renew the lease, say how fresh we are."""
        self._beat_at = time.monotonic() + BEAT_SECONDS
        trouble = self._trouble()
        now = timezone.now()
        facts = {"error": trouble, "error_at": now} if trouble else {"error": "", "synced_at": now}
        odd = {uid: why for follower in self._followers for uid, why in follower.odd.items()}
        odd |= {one.resource: one.error for one in self._followers if one.resource in OPTIONAL and one.error}
        with lease.fenced(self._cluster, self._epoch) as state:
            lease.renew(self._cluster, self._epoch, quarantined=odd | self._applier.bad, **facts)
            if state.synced_at:
                (absences.away if trouble else absences.back)(self._cluster.pk, state.synced_at, now)
        fresh = freshness_of(Cluster.objects.select_related("sync").get(pk=self._cluster.pk))
        publish(("clusters", fresh.wire()))

    def _trouble(self) -> str:
        """Why our rows may not equal the cluster now; empty when they do."""
        try:
            connect(self._cluster).read("GET", "/readyz", read_seconds=3)
        except ClusterError as error:
            self._away = True
            return str(error)
        if self._away:
            self._away = False
            for follower in self._followers:
                follower.hurry()
        for follower in self._followers:
            if follower.resource not in OPTIONAL and (follower.error or not follower.listed):
                return follower.error or f"The first list of {follower.resource} is on its way."
        return "Catching up with many changes." if self._inbox.qsize() > BATCH else ""
