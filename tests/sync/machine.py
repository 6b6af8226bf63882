"""A cluster's life with one worker after another, made up by Hypothesis: whatever fails, our rows come true.

The worker is the product's Runner with its follower, applier and lease, reading from `misbehaving.Server`;
only its clock is not real. At every step nothing that is there is told gone, no row goes back, and what the
open watch has said is written. `heal` takes the trouble away and holds the rows against the server, without
the list that is due after minutes.
"""

import logging
import sys
import threading
from collections.abc import Container
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from runyard.clusters import objects
from runyard.clusters.models import Cluster
from runyard.sync import follower, lease, runner
from runyard.sync.runner import Runner
from runyard.sync.source import Watched
from tests.sync.misbehaving import DATE, Clock, Fault, Server, Turns, Watch, connect_to, retry_after
from tests.sync.rows import Database, Memory

PODS = Watched("pods", "/api/v1/pods", objects.Pod)
RELIST = 10_000.0
Deed = dict[str, Any] | str  # what of a pod becomes something else, or what becomes of it
GOOD: dict[str, Any] = {
    "spec": {"containers": [{"name": "main", "image": "x"}]},
    "status": {"phase": "Running"},
    "metadata": {"creationTimestamp": DATE, "annotations": None},
}
BAD: tuple[Deed, ...] = (
    {"spec": None},
    {"status": 3},
    {"metadata": {"creationTimestamp": "yesterday"}},
    {"status": {"startTime": "soon"}},
)
NAMES = st.sampled_from("abc")
PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])
DEEDS = st.tuples(
    NAMES,
    st.one_of(
        PHASES.map(lambda phase: {"status": {"phase": phase}}),
        st.sampled_from(["deleted", "made again", "huge"]),
        st.sampled_from([GOOD, *BAD]),
    ),
)
KINDS = st.sampled_from(["list", "page", "watch", "look"])
FAULTS = st.one_of(
    st.builds(
        Fault, KINDS, st.sampled_from(["403", "410", "500", "503", "504", "html", "silent", "refused"])
    ),
    st.builds(Fault, KINDS, st.just("429"), st.sampled_from(["1", "30", "", "soon"]).map(retry_after)),
    st.builds(Fault, KINDS, st.just("cut"), after=st.integers(0, 400)),
)
#: Of a watch: its end, an ERROR of a code (0: without one), a line that is no event.
TROUBLES = (
    *("cut", "time_out", "fall_silent", "bookmark"),
    *(0, 410, 429, 500),
    *(b"\n", b"{\n", b"null\n", b'{"type":"ADDED"}\n', b'{"type":"NEW","object":{}}\n'),
)
ENOUGH_TURNS = 100


class Worker:
    """One Runner, and the thread of its follower, which runs when it is told to."""

    def __init__(self, life: "Life") -> None:
        self.turns = Turns(life.clock)
        self.connection = connect_to(life.server, self.turns, life.kubeconfig)
        self.runner = Runner(life.cluster, life.written.take_over(), threading.Event())
        with life.as_its(self):
            self.runner._start_followers()

    @property
    def follower(self) -> follower.Follower:
        return self.runner._followers[0]

    def end(self) -> None:
        """As a process that is killed does: what it had heard and not written is lost."""
        self.runner.stop()
        while not self.turns.over:
            self.turns.go_on()


class Life(RuleBasedStateMachine):
    """One cluster. Subclasses say which, and where its rows are."""

    tables: type[Database] | type[Memory] = Memory
    cluster: Cluster
    kubeconfig: str

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.server = Server(self.clock)
        self.sleepers: list[Worker] = []
        self.backup: tuple[int, dict[str, Any]] | None = None
        self.restored = False
        self.seen: dict[str, int] = {}
        logging.disable(logging.WARNING)  # trouble is meant; a log line for each costs as much as the rest
        self._patch = pytest.MonkeyPatch()
        self.written = self.tables(self.cluster, self._patch.setattr)
        self._replace_the_world()

    def _replace_the_world(self) -> None:
        put = self._patch.setattr
        for module in (follower, runner):
            put(module, "time", self.clock)
        put(follower, "RELIST_SECONDS", (RELIST, RELIST))
        put(runner, "WATCHED", (PODS,))
        put(runner, "WAIT_SECONDS", 0)
        put(runner, "BEAT_SECONDS", RELIST)
        put(runner, "start", self._start)
        put(runner, "connect", lambda _cluster: self._at_work.connection)

    def _start(self, found: follower.Follower) -> None:
        found._hurry = self._at_work.turns  # type: ignore[assignment]
        self._at_work.turns.start(found.follow)

    @contextmanager
    def as_its(self, worker: Worker):
        """While `worker` is at work, its connection is the one there is."""
        self._at_work = worker
        yield

    def teardown(self) -> None:
        """Every life ends well; one in which a step failed is over."""
        try:
            if sys.exc_info()[0] is None:
                self.heal()
        finally:
            self._end()

    def _end(self) -> None:
        try:
            for worker in (*self.sleepers, self.worker):
                worker.end()
        finally:
            logging.disable(logging.NOTSET)
            self._patch.undo()
            self.written.close()

    @initialize(names=st.sets(NAMES, min_size=1))
    def begin(self, names: set[str]) -> None:
        for name in sorted(names):
            self.server.create(name)
        self.worker = Worker(self)
        self.heal()

    # --- the cluster lives ---

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=3))
    def pods(self, deeds: list[tuple[str, Deed]]) -> None:
        for deed in deeds:
            self._do(*deed)

    def _do(self, name: str, deed: Deed) -> None:
        uid = next((uid for uid, pod in self.server.pods.items() if pod["metadata"]["name"] == name), None)
        if uid is None:
            self.server.create(name)
        elif isinstance(deed, dict):
            self.server.change(uid, **deed)
        elif deed == "huge":  # an annotation as long as it may be
            self.server.change(uid, metadata={"annotations": {"note": "x" * 262_144}})
        else:
            self.server.delete(uid)
            if deed == "made again":
                self.server.create(name)

    # --- the server misbehaves ---

    @rule(fault=FAULTS)
    def request_will_fail(self, fault: Fault) -> None:
        self.server.faults.append(replace(fault))

    @rule(trouble=st.sampled_from(TROUBLES), after=st.integers(0, 400))
    def watch(self, trouble: str | bytes | int, after: int) -> None:
        for watch in self.server.watched:
            self._disturb(watch, trouble, after)

    def _disturb(self, watch: Watch, trouble: str | bytes | int, after: int) -> None:
        if isinstance(trouble, bytes):
            watch.say_raw(trouble)
        elif isinstance(trouble, int):
            watch.say("ERROR", {"kind": "Status"} | ({"code": trouble} if trouble else {}))
            watch.finish()
        elif trouble == "cut":
            watch.cut(after)
        else:
            getattr(watch, trouble)()

    @precondition(lambda self: self.server.watched)
    @rule(deeds=st.lists(DEEDS, max_size=3), name=NAMES, ago=st.integers(0, 3))
    def event_comes_again_and_late(self, deeds: list[tuple[str, Deed]], name: str, ago: int) -> None:
        """One of those of the pods of this name, in a watch that has said all that is news."""
        self.pods(deeds)
        told = [one for one in self.server.told if one[1]["metadata"]["name"] == name]
        for watch in self.server.watched:
            watch.catch_up()
            for type_, pod in told[-1 - ago :][:1]:
                watch.say(type_, pod)
        self.follower_goes_on(2, writes=True)

    @rule(deeds=st.lists(DEEDS, max_size=3), name=NAMES, ago=st.integers(0, 3))
    def late_event_follows_a_list(self, deeds: list[tuple[str, Deed]], name: str, ago: int) -> None:
        """What the list covered already, told as if it were news."""
        self.pods(deeds)
        self.follower_goes_on(2)
        self.list_is_due([])
        self.follower_goes_on(6)
        self.event_comes_again_and_late([], name, ago)

    @rule(name=NAMES, deed=st.sampled_from(["deleted", {"status": {"phase": "Failed"}}]))
    def late_event_follows_news(self, name: str, deed: Deed) -> None:
        """A state that no list has told of is told, is over, and is told once more."""
        self.event_comes_again_and_late([(name, {"status": {"phase": "Running"}}), (name, deed)], name, 1)

    @rule(deeds=st.lists(DEEDS, max_size=4), forgotten=st.sampled_from(["", "status", "event"]))
    def nobody_watches_for_a_while(self, deeds: list[tuple[str, Deed]], forgotten: str) -> None:
        """And what happened then may be forgotten, which the server says by a status or in the stream."""
        for watch in self.server.watched:
            watch.fall_silent()
        self.pods(deeds)
        if forgotten:
            self.server.expires_in_stream = forgotten == "event"
            self.server.compact()

    @rule()
    def past_is_forgotten(self) -> None:
        self.server.compact()

    @rule()
    def backup_is_taken_or_restored(self) -> None:
        if self.backup is None:
            self.backup = (self.server.version, self.server.pods.copy())
            return
        self.server.restore(*self.backup)
        self.backup, self.restored = None, True

    # --- we do our work ---

    @rule(times=st.integers(1, 8), writes=st.booleans())
    def follower_goes_on(self, times: int, writes: bool = False) -> None:
        with self.as_its(self.worker):
            for _ in range(times):
                self.worker.turns.go_on()
        if writes:
            self.worker_writes()

    @rule()
    def worker_writes(self) -> None:
        with self.as_its(self.worker):
            try:
                self.worker.runner.turn()
            except OperationalError:
                self._succeed()
        self._check_rows()

    @rule()
    def worker_is_killed(self) -> None:
        self._succeed()

    @rule()
    def database_will_fail(self) -> None:
        self.written.fails = True

    @rule(faults=st.lists(FAULTS, max_size=2))
    def list_is_due(self, faults: list[Fault]) -> None:
        for fault in faults:
            self.request_will_fail(fault)
        self.clock.now += RELIST
        self.watch("time_out", 0)

    @rule(fault=FAULTS)
    def list_breaks_off(self, fault: Fault) -> None:
        """After the first page of two, all of whose pods are known."""
        there = {pod["metadata"]["name"] for pod in self.server.pods.values()}
        self.pods([(name, GOOD) for name in sorted(set("abc") - there)])
        self.follower_goes_on(4, writes=True)
        self.list_is_due([replace(fault, kind="page")])
        self.follower_goes_on(8, writes=True)

    @precondition(lambda self: len(self.sleepers) < 2)
    @rule()
    def worker_sleeps_and_is_followed(self) -> None:
        self.sleepers.append(self.worker)
        self.worker = Worker(self)

    @precondition(lambda self: self.sleepers)
    @rule()
    def sleeper_wakes(self) -> None:
        """It hears of everything since, and writes nothing of it."""
        sleeper, before = self.sleepers.pop(0), self.written.everything()
        sleeper.runner._beat_at = 0
        with self.as_its(sleeper):
            sleeper.turns.go_on()
            with pytest.raises(lease.LeaseLost):
                sleeper.runner.turn()
        sleeper.end()
        assert self.written.everything() == before

    def _succeed(self) -> None:
        self.worker.end()
        self.worker = Worker(self)

    # --- what holds ---

    def _check_rows(self) -> None:
        if self.restored:  # then both is right
            return
        for uid, (version, _, there) in self.written.rows().items():
            assert there or uid not in self.server.pods, f"{uid} is told gone, and is there"
            assert int(version) >= self.seen.get(uid, 0), (
                f"{uid} went back from {self.seen[uid]} to {version}"
            )
            self.seen[uid] = int(version)
        if self._is_even():
            self._check_equal({uid for uid, pod in self.server.pods.items() if self._is_bad(pod)})

    def _check_equal(self, but: Container[str] = ()) -> None:
        there = {
            uid: (pod["metadata"]["resourceVersion"], pod["status"].get("phase", "Pending"))
            for uid, pod in self.server.pods.items()
            if uid not in but
        }
        rows = self.written.rows().items()
        assert {uid: row[:2] for uid, row in rows if row[2] and uid not in but} == there

    @rule()
    def heal(self) -> None:
        """Soon after the last trouble, what a person sees is what the cluster has, and said to be fresh."""
        self.server.heal()
        self.written.fails = False
        for uid, pod in list(self.server.pods.items()):
            if self._is_bad(pod):
                self.server.change(uid, **GOOD)
        if self.restored:
            self._list_anew()
        lists = self.server.lists
        for _ in range(ENOUGH_TURNS):
            if self._is_even():
                break
            self.follower_goes_on(1)
        self.worker_writes()
        self._check_equal()
        assert self._is_even(), f"it does not watch: {self.worker.follower.error}"
        assert self.server.lists - lists <= 3, "lists again and again"
        self.restored = False
        self.seen.clear()
        with self.as_its(self.worker):
            self.written.check_told(self.worker.runner)

    def _list_anew(self) -> None:
        """A server from a backup may keep silent to those who come from its future, until they list again."""
        self.clock.now += RELIST
        lists = self.server.lists
        for _ in range(ENOUGH_TURNS):
            if self.server.lists > lists:
                break
            self.watch("time_out", 0)
            self.follower_goes_on(1)

    def _is_even(self) -> bool:
        """Whether the worker of today watches, and has heard everything."""
        mine = self.worker.turns
        return not mine.pausing and any(one.even for one in self.server.watched if one.reader is mine)

    @staticmethod
    def _is_bad(pod: dict[str, Any]) -> bool:
        return (
            pod["spec"] is None
            or pod["status"] == 3
            or "startTime" in pod["status"]
            or pod["metadata"]["creationTimestamp"] == "yesterday"
        )
