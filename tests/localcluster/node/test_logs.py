"""Logs: every byte once, in order, whatever the lines are like and however often the files rotate."""

import asyncio
import sys
import tracemalloc
from datetime import UTC, datetime

import pytest

from localcluster.logoptions import FellBehind, LogOptions
from localcluster.node import logs
from localcluster.node.attempt import Attempt, Spec
from tests.localcluster.running import eventually, python, shell


def record(number, text, tag="F", stream="stdout"):
    return logs.stamp(1_700_000_000_000_000_000 + number) + f" {stream} {tag} {text}\n".encode()


@pytest.fixture
def folder(tmp_path):
    """Three files of four one-line records each: line 0 to line 11."""
    for number in range(3):
        records = [record(n, f"line {n}") for n in range(4 * number, 4 * number + 4)]
        (tmp_path / f"{number:08d}").write_bytes(b"".join(records))
    return tmp_path


async def read(folder, ended=lambda: True, **options):
    return b"".join([chunk async for chunk in logs.read(folder, LogOptions(**options), ended)]).decode()


def lines(first, last=11):
    return "".join(f"line {n}\n" for n in range(first, last + 1))


async def test_the_whole_log_over_all_files(folder):
    assert await read(folder) == lines(0)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 11, 12, 13])
async def test_the_last_lines_over_file_borders(folder, count):
    assert await read(folder, tail_lines=count) == (lines(max(0, 12 - count)) if count else "")


async def test_a_line_in_parts_is_one_line(tmp_path):
    parts = [record(0, "before"), record(1, "one ", "P"), record(2, "line", "F"), record(3, "open", "P")]
    (tmp_path / "00000000").write_bytes(b"".join(parts))
    assert await read(tmp_path) == "before\none line\nopen"
    assert await read(tmp_path, tail_lines=2) == "one line\nopen"
    assert (await read(tmp_path, timestamps=True)).count("2023-11-14T22:13:20.") == 3


async def test_only_what_is_not_older(folder):
    moment = datetime.fromtimestamp(1_700_000_000, UTC)
    assert await read(folder, since_time=moment) == lines(0)
    later = logs.Printer(1_700_000_000_000_000_006, False, None)
    records = [record(n, f"line {n}").rstrip(b"\n") for n in range(12)]
    assert later.text(records).decode() == lines(6)


async def test_no_more_bytes_than_asked(folder):
    assert await read(folder, limit_bytes=10) == "line 0\nlin"


async def test_a_follower_goes_on_over_new_files_until_the_end(folder):
    ended = asyncio.Event()
    following = asyncio.create_task(read(folder, ended.is_set, follow=True))
    await asyncio.sleep(0.02)
    with (folder / "00000002").open("ab") as file:
        file.write(record(12, "line 12"))
    (folder / "00000003").write_bytes(record(13, "line 13"))
    await asyncio.sleep(0)
    ended.set()
    assert await following == lines(0, 13)


async def test_a_half_written_record_is_read_when_it_is_whole(folder):
    ended, half = asyncio.Event(), record(12, "line 12")
    following = asyncio.create_task(read(folder, ended.is_set, follow=True, tail_lines=0))
    with (folder / "00000002").open("ab", buffering=0) as file:
        file.write(half[:45])
        await asyncio.sleep(0.03)
        file.write(half[45:])
    ended.set()
    assert await following == lines(12, 12)


async def test_what_is_no_record_is_shown_as_it_is(tmp_path):
    (tmp_path / "00000000").write_bytes(b"junk\n" + record(1, "line"))
    assert await read(tmp_path) == "junk\nline\n"


async def test_a_follower_that_lost_files_goes_on_with_the_oldest_kept(folder):
    (folder / "00000001").unlink()
    assert await read(folder) == lines(0, 3) + lines(8)


async def test_both_streams_and_bytes_that_are_no_text(cluster):
    cluster.run("one", python(r"import os; os.write(1, b'\xff\x00\x1b[31m\n'); os.write(2, b'error')"))
    await cluster.ended("one")
    assert sorted((await cluster.log("one")).splitlines()) == [b"error", b"\xff\x00\x1b[31m"]


async def test_a_line_of_a_mebibyte(cluster):
    cluster.run("one", python("print('x' * 2**20); print('after')"))
    await cluster.ended("one")
    assert await cluster.log("one") == b"x" * 2**20 + b"\nafter\n"
    assert await cluster.log("one", tail_lines=1) == b"after\n"
    stamped = await cluster.log("one", timestamps=True)
    assert stamped.count(b"Z ") == 2


async def test_following_a_pod_ends_with_it(cluster):
    cluster.run("one", shell("for n in 1 2 3; do echo $n; sleep 0.05; done"))
    await cluster.running("one")
    assert await cluster.log("one", follow=True) == b"1\n2\n3\n"


async def test_times_of_records_strictly_rise(cluster):
    cluster.run("one", python("for n in range(1000): print(n)"))
    await cluster.ended("one")
    stamps = [line.split()[0] for line in (await cluster.log("one", timestamps=True)).splitlines()]
    assert len(stamps) == 1000
    assert stamps == sorted(set(stamps))


def printing(count, folder):
    """A run that prints so many lines into small log files."""
    attempt = Attempt(folder, f"test/{count}/0", lambda: None)
    script = f"for n in range({count}): print('line', n)"
    attempt.start(Spec([sys.executable, "-c", script], {}, "/", rotate_bytes=1 << 18, keep_files=5))
    return attempt


async def test_a_follower_misses_nothing_over_rotations(tmp_path):
    attempt = printing(15_000, tmp_path / "run")
    text = await read(tmp_path / "run" / "log", lambda: attempt.exited, follow=True)
    assert text.splitlines() == [f"line {n}" for n in range(15_000)]
    assert len(list((tmp_path / "run" / "log").iterdir())) > 1


async def test_a_follower_that_was_left_behind_is_cut_off(folder):
    following = logs.read(folder, LogOptions(follow=True), lambda: False)
    assert (await anext(following)).decode() == lines(0, 3)
    (folder / "00000001").unlink()  # as rotation does meanwhile
    with pytest.raises(FellBehind):
        await asyncio.wait_for(anext(following), 20)


async def test_rotation_keeps_the_newest_five_files(tmp_path):
    attempt = printing(100_000, tmp_path / "run")
    await eventually(lambda: attempt.exited)
    kept = sorted((tmp_path / "run" / "log").iterdir())
    assert len(kept) == 5
    assert int(kept[0].name) > 0
    assert all(path.stat().st_size < 1 << 20 for path in kept)
    found = (await read(tmp_path / "run" / "log")).splitlines()
    assert found == [f"line {n}" for n in range(100_000 - len(found), 100_000)]


async def test_a_long_log_is_never_held_in_memory(tmp_path):
    path = tmp_path / "00000000"
    with path.open("wb") as file:
        for start in range(0, 100_000, 10_000):
            file.write(b"".join(record(n, f"line {n}") for n in range(start, start + 10_000)))
    tracemalloc.start()
    total = 0
    async for chunk in logs.read(tmp_path, LogOptions(), lambda: True):
        total += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 1_000_000
    assert peak < 1_000_000


async def test_logs_stay_until_the_pod_is_deleted(cluster):
    cluster.run("one", shell("echo still here"))
    await cluster.ended("one")
    assert await cluster.log("one") == b"still here\n"
    cluster.registry.delete("pods", "default", "one")
    await cluster.gone("one")
    await eventually(lambda: not list((cluster.home / "pods").iterdir()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"since_seconds": 9 * 10**17}, b"one\n"),
        ({"since_time": datetime(1, 1, 1, tzinfo=UTC)}, b"one\n"),
        ({"since_time": datetime.fromisoformat("9999-12-31T23:59:59-23:59")}, b""),
    ],
)
async def test_times_beyond_the_calendar_choose_all_or_nothing(tmp_path, options, expected):
    (tmp_path / "00000000").write_bytes(b"2026-01-02T03:04:05.000000006Z stdout F one\n")
    chunks = logs.read(tmp_path, LogOptions(**options), lambda: True)
    assert b"".join([chunk async for chunk in chunks]) == expected
