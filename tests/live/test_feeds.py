"""A log feed: every line at once, none twice, none lost, and an end to it."""

import asyncio
import threading
import time

import pytest
from django.utils import timezone

from runyard.clusters.connection import ApiError, Unreachable
from tests.make import make_pod
from workloads import log_feeds as feeds
from workloads import log_frames
from workloads.keeping import claims, writing
from workloads.keeping.models import KeptLog
from workloads.keeping.store import LocalStore, Store

pytestmark = pytest.mark.django_db(transaction=True)


class Script:
    """Stands where the cluster's log would: each open answers with the next part of the script."""

    def __init__(self, *parts):
        self.parts, self.asked, self.go_on = list(parts), [], threading.Event()

    def follow(self, pod, container, previous=False, place=None):
        self.asked.append(place.options().get("sinceTime", ""))
        part = self.parts.pop(0) if self.parts else ApiError(404, "NotFound", "gone")
        if isinstance(part, Exception):
            raise part
        return Stream(part, self.go_on)


class Stream:
    def __init__(self, part, go_on):
        self._part, self._go_on = part, go_on

    def __iter__(self):
        for step in self._part:
            if step is WAIT:
                self._go_on.wait(60)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step

    def interrupt(self):
        self._go_on.set()


WAIT = object()


def line(second, text, fraction=""):
    return f"2026-01-02T03:04:{second:02}{fraction}Z {text}\n".encode()


@pytest.fixture
def script(monkeypatch):
    def play(*parts):
        found = Script(*parts)
        monkeypatch.setattr(feeds.logs, "follow", found.follow)
        monkeypatch.setattr(feeds, "RETRY_SECONDS", 0.01)
        return found

    opened = {}
    monkeypatch.setattr(feeds, "_feeds", opened)
    yield play
    for feed in opened.values():
        feed.stop()
    for reader in [one for one in threading.enumerate() if one.name.startswith("log-")]:
        reader.join(60)  # or it would read from the script of the next test
        assert not reader.is_alive()


async def lines_of(pod, start=0, seconds=60, most=None):
    """Texts until the end (or `most` of them), and what was said beside them."""
    texts, said = [], []
    async with asyncio.timeout(seconds):
        async for frame in feeds.watch(pod, "main", start, previous=False):
            texts += [text for _, text in frame.lines]
            said += [frame.note] if frame.note else ["reset"] if frame.reset else []
            if most is not None and len(texts) >= most:
                break
    return texts, said


@pytest.fixture
def pod(ada_training):
    return make_pod(ada_training)


async def test_what_is_there_is_shown_though_nothing_more_comes(script, pod):
    played = script([line(1, "one"), line(2, "two"), WAIT])
    assert (await lines_of(pod, most=2))[0] == ["one", "two"]
    played.go_on.set()


async def test_a_cut_stream_goes_on_without_gap_or_repeat(script, pod):
    first = [line(1, "a"), line(2, "b"), line(2, "c"), Unreachable("cut")]
    again = [line(2, "b"), line(2, "c"), line(2, "d"), line(3, "e")]
    played = script(first, again)
    assert (await lines_of(pod))[0] == ["a", "b", "c", "d", "e"]
    assert played.asked[1] == "2026-01-02T03:04:02Z"


async def test_times_are_compared_as_times_and_not_as_text(script, pod):
    first = [line(1, "a", ".12"), Unreachable("cut")]
    script(first, [line(1, "a", ".12"), line(1, "b", ".123")])
    assert (await lines_of(pod))[0] == ["a", "b"]


async def test_a_start_beyond_the_log_is_reset(script, pod, monkeypatch):
    monkeypatch.setattr(feeds, "RESET_SECONDS", 0.1)
    played = script([line(1, "one"), line(2, "two"), WAIT])
    texts, said = await lines_of(pod, start=1000, most=2)
    assert (texts, said) == (["one", "two"], ["reset"])
    played.go_on.set()


@pytest.fixture
def small(monkeypatch):
    """Memory for a few lines, each a block of its own."""
    monkeypatch.setattr(log_frames, "RING_BYTES", 300)
    monkeypatch.setattr(log_frames, "AHEAD_BYTES", 1)
    monkeypatch.setattr(log_frames, "STALL_SECONDS", 60)
    monkeypatch.setattr(feeds, "GATHER_SECONDS", 0)


async def test_of_a_log_beyond_all_memory_no_line_is_lost_to_who_reads_slowly(script, pod, small):
    every = [f"line {n}" for n in range(200)]
    script([line(0, text) for text in every])
    assert await lines_of(pod) == (every, [feeds.ENDED])


async def test_a_log_is_read_on_though_nobody_takes_it_and_lines_keep_their_numbers(
    script, pod, small, monkeypatch
):
    monkeypatch.setattr(log_frames, "STALL_SECONDS", 0.01)
    read = threading.Event()

    def flood():
        yield from (line(0, f"line {n}") for n in range(200))
        read.set()

    script(flood())
    frames = feeds.watch(pod, "main", 0, previous=False)
    async with asyncio.timeout(60):
        found = [await anext(frames)]
        assert await asyncio.to_thread(read.wait, 60)  # all of it, while the watcher does nothing
        found += [frame async for frame in frames]
    told = numbered(found)
    assert told[-1] == (199, "line 199")
    assert all(text == f"line {n}" for n, text in told)
    assert len(told) + sum(frame.skipped for frame in found) == 200 > len(told)


async def test_who_comes_after_the_others_is_told_what_it_lost(script, pod, small):
    played = script([*(line(n, f"line {n}") for n in range(20)), WAIT])
    await lines_of(pod, most=20)
    frames = []
    async with asyncio.timeout(60):
        async for frame in feeds.watch(pod, "main", 0, previous=False):
            frames.append(frame)
            if numbered([frame])[-1:] == [(19, "line 19")]:
                break
    told = numbered(frames)
    assert (frames[0].skipped, told) == (told[0][0], [(n, f"line {n}") for n in range(told[0][0], 20)])
    assert 0 < frames[0].skipped < 20
    played.go_on.set()


async def test_who_comes_after_the_others_has_what_is_kept_though_nothing_more_comes(
    script, pod, small, monkeypatch
):
    monkeypatch.setattr(feeds, "KEPT_LINES", 2)
    every = [("2026-01-02T03:04:00Z", f"line {n}") for n in range(20)]
    kept = lambda whole, place, count: feeds.logs.LogPage(place, every[place : place + count])  # noqa: E731
    monkeypatch.setattr(feeds, "_kept", kept)
    played = script([*(line(n, f"line {n}") for n in range(20)), WAIT])
    await lines_of(pod, most=20)
    assert (await lines_of(pod, most=20))[0] == [text for _, text in every]
    played.go_on.set()


async def test_all_who_watch_are_sent_the_same_bytes(script, pod):
    script([line(1, "one"), line(2, "two")], [line(3, "three")])

    async def told():
        return [frame.data async for frame in feeds.watch(pod, "main", 0, previous=False) if frame.data]

    one, other = await asyncio.gather(told(), told())
    assert one == other
    assert all(mine is theirs for mine, theirs in zip(one, other, strict=True))


async def test_who_goes_on_within_a_block_is_told_the_rest_of_it(script, pod):
    played = script([b"".join(line(n, f"line {n}") for n in range(5)), WAIT])
    await lines_of(pod, most=5)
    async with asyncio.timeout(60):
        frame = await anext(feeds.watch(pod, "main", 3, previous=False))
    assert (frame.first, frame.count, [text for _, text in frame.lines]) == (3, 2, ["line 3", "line 4"])
    played.go_on.set()


async def test_trouble_is_said_and_tried_again(script, pod):
    played = script(Unreachable("no answer"), [WAIT, line(1, "one")])
    said, texts = [], []
    async with asyncio.timeout(60):
        async for frame in feeds.watch(pod, "main", 0, previous=False):
            said += [frame.note] if frame.note else []
            texts += [text for _, text in frame.lines]
            played.go_on.set()  # the second try goes on once the first has been told
    assert (said[0], texts) == ("no answer", ["one"])


async def test_an_error_of_ours_ends_the_feed_in_words(script, pod):
    script(RuntimeError("a bug"))
    assert "reload" in (await lines_of(pod))[1][0]


@pytest.mark.parametrize(
    ("previous", "words"),
    [(False, "The container has ended."), (True, "This run has ended.")],
)
async def test_of_which_run_the_end_is_told(script, pod, previous, words):
    script([line(1, "one")], ApiError(400, "BadRequest", "no previous run"))
    last = [frame async for frame in feeds.watch(pod, "main", 0, previous=previous)][-1]
    assert (last.end, last.note.startswith(words)) == (True, True), last


@pytest.mark.parametrize("parts", [([],), ()])
async def test_of_a_pod_deleted_before_it_started_the_end_says_so(script, pod, parts):
    pod.containers, pod.running_at = [{"name": "main", "state": "waiting"}], None
    pod.gone_at = timezone.now()
    await pod.asave()
    script(*parts)
    last = [frame async for frame in feeds.watch(pod, "main", 0, previous=False)][-1]
    assert (last.end, last.note) == (True, "It ended before its container started, and so it wrote nothing.")


async def test_the_reader_ends_with_its_last_watcher(script, pod, monkeypatch):
    monkeypatch.setattr(feeds, "LINGER_SECONDS", 0.05)
    script([line(1, "one"), WAIT])
    before = threading.active_count()
    await lines_of(pod, most=1)
    async with asyncio.timeout(60):
        while any(thread.name == f"log-{pod.name}" for thread in threading.enumerate()):
            await asyncio.sleep(0.02)
    assert threading.active_count() <= before + 1


async def test_many_watch_and_one_reads(script, pod):
    played = script([line(1, "one"), line(2, "two")])
    results = await asyncio.gather(*(lines_of(pod) for _ in range(20)))
    assert all(texts == ["one", "two"] for texts, _ in results)
    assert played.asked.count("") == 1


# --- with what is kept ---


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Where logs are kept."""
    found = Store(LocalStore(tmp_path / "kept", mkdir=True))
    monkeypatch.setattr("workloads.keeping.chunks.store", lambda: found)
    return found


def keep(pod, store, *lines, instance=0, complete=False):
    row, _ = KeptLog.objects.get_or_create(pod=pod, container="main", instance=instance)
    writer = writing.Writer(claims.take(row, "test") or row, store)
    writer.add(b"".join(lines))
    writer.finish() if complete else writer.flush()


async def frames_of(pod, start=0):
    async with asyncio.timeout(60):
        return [frame async for frame in feeds.watch(pod, "main", start, previous=False)]


def numbered(frames):
    return [(number, text) for f in frames for number, (_, text) in enumerate(f.lines, f.first)]


async def test_live_lines_count_on_from_the_kept_ones_though_the_cluster_has_let_go_of_those(
    script, pod, here
):
    await asyncio.to_thread(keep, pod, here, *(line(n, f"line {n}") for n in range(5)))
    await asyncio.to_thread(KeptLog.objects.update, held_until=None)  # nobody keeps what comes
    played = script(*[[line(7, "line 5"), line(8, "line 6")]] * 2)
    assert numbered(await frames_of(pod, 3)) == [(n, f"line {n}") for n in range(3, 7)]
    assert played.asked[:2] == ["2026-01-02T03:04:04Z"] * 2


async def test_lines_that_were_read_too_late_are_told_as_they_are_kept_with_the_right_numbers(
    script, pod, here, monkeypatch
):
    every = [line(n, f"line {n}") for n in range(10)]
    await asyncio.to_thread(keep, pod, here, every[0])
    played = script([*every[:3], WAIT, Unreachable("cut off")], every[7:], every[5:])
    played.go_on.set()
    monkeypatch.setattr(feeds, "CATCHING_UP", "behind")
    frames = []
    async with asyncio.timeout(60):
        async for frame in feeds.watch(pod, "main", 0, previous=False):
            frames.append(frame)
            if frame.note == "behind":  # what the collector had read by then is written
                await asyncio.to_thread(keep, pod, here, *every[1:6])
    assert numbered(frames) == [(n, f"line {n}") for n in range(10)]
    assert not any(frame.reset for frame in frames)
    assert played.asked[:3] == [f"2026-01-02T03:04:0{n}Z" for n in (0, 2, 5)]


async def test_a_log_that_is_kept_to_its_end_is_told_without_the_cluster(script, pod, here):
    await asyncio.to_thread(keep, pod, here, line(1, "one"), line(2, "two"), complete=True)
    played = script()
    frames = await frames_of(pod)
    assert (numbered(frames), frames[-1].end, played.asked) == ([(0, "one"), (1, "two")], True, [])


async def test_a_container_that_begins_anew_begins_a_log_of_its_own(script, pod, here):
    played = script([line(1, "first run"), WAIT], [line(2, "kept of it"), line(3, "second run")])
    frames = []
    async with asyncio.timeout(60):
        async for frame in feeds.watch(pod, "main", 0, previous=False):
            frames.append(frame)
            if frame.lines and not played.go_on.is_set():
                await asyncio.to_thread(keep, pod, here, line(2, "kept of it"), instance=1)
                played.go_on.set()
    assert any(frame.reset for frame in frames)
    assert numbered(frames) == [(0, "first run"), (0, "kept of it"), (1, "second run")]


async def test_who_is_behind_the_ring_is_told_the_kept_lines(script, pod, here, small):
    await asyncio.to_thread(keep, pod, here, *(line(n, f"line {n}") for n in range(20)))
    script([*(line(n, f"line {n}") for n in range(19, 30))])
    frames = await frames_of(pod)
    told = numbered(frames)
    assert told[:20] == [(n, f"line {n}") for n in range(20)]
    assert len(told) + sum(frame.skipped for frame in frames) == 30


async def test_lines_that_are_kept_while_one_looks_for_them_are_told_once_and_none_is_lost(
    script, pod, here, small, monkeypatch
):
    every = [line(n, f"line {n} {'x' * 100}") for n in range(10)]
    await asyncio.to_thread(keep, pod, here, every[0])
    played = script([*every[:5], WAIT, Unreachable("cut off")], every[8:], every[6:])
    look, looked = feeds._kept, threading.Event()

    def slowly(whole, first, count):
        """What was kept before the others are written, told when the feed goes on after them."""
        found = look(whole, first, count)
        if first == 1 and not looked.is_set():
            looked.set()
            (feed,) = feeds._feeds.values()
            ring, ends = feed._ring, time.monotonic() + 30
            keep(pod, here, *every[1:7])
            monkeypatch.setattr(log_frames, "RING_BYTES", 1_000_000)  # what comes from here on stays
            played.go_on.set()
            while feed._ring is ring and time.monotonic() < ends:
                time.sleep(0.01)
        return found

    async def late(first):
        await asyncio.wait_for(first.wait(), 60)
        monkeypatch.setattr(feeds, "_kept", slowly)
        return await frames_of(pod)

    async def early(first):
        frames = []
        async for frame in feeds.watch(pod, "main", 0, previous=False):
            frames.append(frame)
            if frame.first + frame.count >= 5:
                first.set()
        return frames

    seen = asyncio.Event()
    async with asyncio.timeout(60):
        told = await asyncio.gather(early(seen), late(seen))
    assert looked.is_set()
    for frames in told:
        assert [(n, text.split(" x")[0]) for n, text in numbered(frames)] == [
            (n, f"line {n}") for n in range(10)
        ]
        assert not any(frame.reset or frame.skipped for frame in frames)
