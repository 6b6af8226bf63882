"""Hints merge and are encoded once; each audience hears all that is of its topics, and nothing else."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from runyard.live import audience, hints
from runyard.live.consumer import LiveConsumer
from runyard.live.hub import Hub


class Deaf(Hub):
    """Hears nothing of Redis: what these tests say is handed to it."""

    def __init__(self):
        super().__init__("redis://")

    async def _read(self):
        pass


def workloads(*ids):
    return hints.read("workloads:1", ids)


def text(hint):
    return json.loads(hint.event["text"])


def test_ids_merge_to_all_above_the_most_and_stay_all():
    merged = workloads(3, 1) | workloads(2, 3)
    assert text(merged) == {"topic": "workloads", "hint": [1, 2, 3]}
    many = workloads(*range(hints.MOST_MERGED)) | workloads(9_999)
    assert text(many)["hint"] == "all"
    assert text(many | workloads(1))["hint"] == "all"
    assert text(workloads(1) | many)["hint"] == "all"
    assert text(workloads(*range(hints.MOST_MERGED + 1)))["hint"] == "all"


def test_a_version_merges_to_the_latest_and_clusters_to_the_latest_of_each():
    assert text(hints.read("workload:5", 7) | hints.read("workload:5", 6))["hint"] == 7
    one, two = {"name": "a", "state": "live"}, {"name": "b", "state": "live"}
    late = {"name": "a", "state": "stale"}
    merged = hints.read("clusters", one) | hints.read("clusters", two) | hints.read("clusters", late)
    assert text(merged)["hint"] == [late, two]


class Listener:
    """Remembers what it was told; waits while `slow` is set up."""

    def __init__(self):
        self.heard, self.free = [], asyncio.Event()
        self.free.set()

    async def ear(self, hint):
        await self.free.wait()
        self.heard.append(hint)

    @property
    def ids(self):
        return [pk for hint in self.heard for pk in text(hint)["hint"]]


def told(hub, *said):
    hub._dispatch(json.dumps(said).encode())


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def test_all_with_the_same_topics_are_sent_the_same_event():
    hub, both = Deaf(), [Listener(), Listener()]
    for one in both:
        hub.join(frozenset({"workloads:1", "workloads:2"}), one.ear)
    told(hub, ("workloads:1", [4]), ("workloads:2", [5]))
    await until(lambda: both[0].heard and both[1].heard)
    assert both[0].heard[0].event is both[1].heard[0].event
    assert both[0].ids == [4, 5]


async def test_a_slow_listener_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(audience, "GATHER_SECONDS", 0.001)
    hub, everyone = Deaf(), [Listener() for _ in range(20)]
    slow = everyone[::4]
    for one in everyone:
        hub.join(frozenset({"workloads:1"}), one.ear)
    for one in slow:
        one.free.clear()
    for number in range(5):
        told(hub, ("workloads:1", [number]))
        quick = [one for one in everyone if one not in slow]
        await until(lambda: all(number in one.ids for one in quick))  # noqa: B023
    assert not any(one.heard for one in slow)
    for one in slow:
        one.free.set()
    await until(lambda: all(sorted(one.ids) == [0, 1, 2, 3, 4] for one in everyone))


async def test_a_socket_whose_reader_is_slow_keeps_one_merged_hint_however_many_come():
    sent, free = [], asyncio.Event()

    async def send(event):
        await free.wait()
        sent.append(json.loads(event["text"])["hint"])

    socket = LiveConsumer()
    socket.base_send, socket._waiting, socket._busy = send, {}, False
    first = asyncio.create_task(socket._on_hint(workloads(-1)))
    await asyncio.sleep(0)
    for number in range(2_000):
        await socket._on_hint(workloads(number))
    assert list(socket._waiting.values()) == [hints.Hint("workloads", hints.ALL)]
    free.set()
    await first
    assert sent == [[-1], "all"]
    await socket._on_hint(workloads(7))
    assert sent[-1] == [7]


async def test_who_has_left_hears_no_more_and_nothing_is_kept_of_them():
    hub, one = Deaf(), Listener()
    topics = frozenset({"workloads:1"})
    hub.join(topics, one.ear)
    told(hub, ("workloads:1", [1]))
    hub.part(topics, one.ear)
    hub.part(topics, one.ear)
    told(hub, ("workloads:1", [2]))
    await asyncio.sleep(0.02)
    assert (one.heard, hub._audiences, hub._listeners) == ([], {}, {})


async def test_junk_from_redis_is_dropped_and_the_rest_is_heard():
    hub, one = Deaf(), Listener()
    hub.join(frozenset({"workloads:1", "clusters"}), one.ear)
    for junk in (
        b"",
        b"\xff",
        b"null",
        b"[1]",
        b'[["workloads:1"]]',
        b'[["workloads:1", 5]]',
        b'[["clusters", {}]]',
    ):
        hub._dispatch(junk)
    told(hub, ("workloads:1", [8]))
    await until(lambda: one.heard)
    assert one.ids == [8]


PROJECTS = st.integers(0, 5)


@settings(max_examples=40, deadline=None)
@given(
    rights=st.lists(st.frozensets(PROJECTS, min_size=1), min_size=1, max_size=8),
    said=st.lists(st.tuples(PROJECTS, st.integers(1, 10_000)), max_size=60),
)
def test_each_hears_every_hint_of_the_projects_they_may_see_once_and_no_other(rights, said):
    async def scene():
        hub, people = Deaf(), [(Listener(), may) for may in rights]
        for one, may in people:
            hub.join(frozenset(f"workloads:{pk}" for pk in may), one.ear)
        # A project's own ids, so that a hint of another one would show.
        facts = [(project, project * 100_000 + pk) for project, pk in said]
        told(hub, *[(f"workloads:{project}", [pk]) for project, pk in facts])
        for one, may in people:
            wanted = sorted({pk for project, pk in facts if project in may})
            await until(lambda: sorted(one.ids) == wanted)  # noqa: B023
        await asyncio.sleep(0.001)
        assert all(sorted(one.ids) == sorted({pk for p, pk in facts if p in may}) for one, may in people)

    asyncio.run(scene())
