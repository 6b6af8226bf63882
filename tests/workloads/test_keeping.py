"""Kept logs without a cluster: lines in, the same lines out, whatever they are and however they were cut."""

import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from obstore.store import LocalStore, S3Store

from tests.embedded import free_port, until
from workloads import logs
from workloads.keeping import claims, retention, writing
from workloads.keeping.models import KeptChunk, KeptLog
from workloads.keeping.store import Missing, Store, StoreError
from workloads.keeping.text import Again, Cutter, Place, unpack
from workloads.keeping.upstream import new_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="session")
def s3():
    """The address of a real S3 server on loopback, with one bucket."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{url}/moto-api/"), what="the S3 server")
        urllib.request.urlopen(urllib.request.Request(f"{url}/runyard", method="PUT"))
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url):
    try:
        return urllib.request.urlopen(url, timeout=10).status == 200
    except OSError:
        return False


@pytest.fixture
def files(tmp_path):
    return Store(LocalStore(tmp_path / "kept", mkdir=True, automatic_cleanup=True))


@pytest.fixture(params=["files", "s3"])
def store(request, tmp_path):
    """Each kind of store there is."""
    if request.param == "files":
        return request.getfixturevalue("files")
    return Store(s3_store(request.getfixturevalue("s3"), prefix=tmp_path.name))


def s3_store(url, prefix):
    keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
    return S3Store("runyard", prefix=prefix, endpoint=url, client_options={"allow_http": True}, **keys)


@pytest.fixture
def here(files, monkeypatch):
    """Readers and writers use files of this test's own."""
    monkeypatch.setattr("workloads.keeping.chunks.store", lambda: files)
    return files


@pytest.fixture
def pod(ada_training):
    return ada_training.pods.select_related("cluster").get()


@pytest.fixture
def log(pod):
    return claimed(pod)


def claimed(pod, instance=0, holder="me"):
    row, _ = KeptLog.objects.get_or_create(pod=pod, container="main", instance=instance)
    return claims.take(row, holder)


def line(number, text=None, second=None):
    at = datetime(2026, 1, 2, 3, 0, tzinfo=UTC) + timedelta(milliseconds=number)
    text = f"line {number}".encode() if text is None else text
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + text + b"\n"


def block(numbers):
    return b"".join(map(line, numbers))


def texts(page):
    return [text for _, text in page.lines]


# --- stores: the same for files and S3 ---


def test_what_is_put_is_got_and_deleted(store):
    store.put("17/a.zst", b"one")
    store.put("17/b.zst", b"two")
    store.put("171/a.zst", b"three")
    assert (store.get("17/a.zst"), sorted(store.logs())) == (b"one", [17, 171])
    store.delete("17/a.zst", "17/never-there.zst")
    with pytest.raises(Missing):
        store.get("17/a.zst")
    store.delete_log(17)
    assert list(store.logs()) == [171]


def test_a_log_is_written_and_taken_up_again(store, log):
    writer = writing.Writer(log, store)
    writer.add(block(range(10)))
    writer.flush()
    writer.add(block(range(10, 30)))
    writer.finish()
    chunk = KeptChunk.objects.get(log=log)
    assert unpack(store.get(chunk.key)) == block(range(30))
    assert (chunk.first_line, chunk.lines, KeptLog.objects.get(pk=log.pk).lines) == (0, 30, 30)
    assert len(list(store._objects.list(f"{log.pk}").collect())) == 1, (
        "what a chunk took the place of is gone"
    )


def test_a_store_that_does_not_answer_costs_no_line(log, files):
    writer = writing.Writer(log, Store(s3_store_that_is_away()))
    writer.add(block(range(5)))
    with pytest.raises(StoreError, match="could not be written"):
        writer.flush()
    writer._store = files
    writer.finish()
    assert KeptLog.objects.get(pk=log.pk).lines == 5


def s3_store_that_is_away():
    keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
    options = {"client_options": {"allow_http": True, "timeout": "1s"}, "retry_config": {"max_retries": 0}}
    return S3Store("runyard", endpoint=f"http://127.0.0.1:{free_port()}", **keys, **options)


# --- reading what is kept ---


def test_a_long_log_is_cut_into_chunks_that_are_one_file_and_read_by_line_and_time(
    log, here, pod, monkeypatch
):
    monkeypatch.setattr(writing, "CHUNK_BYTES", 2_000)
    writer = writing.Writer(log, here, share=lambda: 1_500)
    for start in range(0, 1000, 10):
        writer.add(block(range(start, start + 10)))
    writer.finish()
    chunks = KeptChunk.objects.filter(log=log).order_by("first_line")
    assert chunks.count() > 10
    assert b"".join(unpack(here.get(chunk.key)) for chunk in chunks) == block(range(1000))
    assert sorted(chunk.key for chunk in chunks) == [chunk.key for chunk in chunks]
    page = logs.lines(pod, "main", 495, 10)
    assert (page.first, texts(page), page.total) == (495, [f"line {n}" for n in range(495, 505)], 1000)
    assert texts(logs.tail(pod, "main", 300)) == [f"line {n}" for n in range(700, 1000)]
    assert b"".join(logs.whole(pod, "main", timestamps=True)) == block(range(1000))
    at = datetime(2026, 1, 2, 3, 0, 0, 321_000, tzinfo=UTC)
    assert logs.line_at(pod, "main", at) == 321
    assert logs.line_at(pod, "main", at + timedelta(days=400)) == 1000
    assert logs.line_at(pod, "main", at - timedelta(days=400)) == 0
    size = logs.size(pod, "main")
    assert (size.lines, size.complete, size.kept, size.notes) == (1000, True, True, [])


@pytest.mark.parametrize(
    ("first", "count", "found"), [(1000, 5, 0), (10**15, 5, 0), (-5, 5, 5), (98, 5, 2), (5, 0, 0)]
)
def test_lines_beyond_the_log_are_none(log, here, pod, first, count, found):
    writer = writing.Writer(log, here)
    writer.add(block(range(100)))
    writer.finish()
    page = logs.lines(pod, "main", first, count)
    assert (len(page.lines), page.error, page.total) == (found, "", 100)


def test_any_bytes_are_kept_as_they_came_and_numbered_by_line_ends_alone(log, here, pod):
    odd = [
        b"\0nul\x07",
        b"a\rb\rc",
        b"",
        b"\xff\xfe",
        "täxt …".encode(),
        b"\x1b[31mred",
        b"<img onerror=x>",
        b" ",
    ]
    writer = writing.Writer(log, here)
    text = b"".join(line(number, raw) for number, raw in enumerate(odd))
    cutter = Cutter()
    for start in range(0, len(text), 7):  # cuts through characters and times alike
        writer.add(cutter.feed(text[start : start + 7]))
    writer.finish()
    assert b"".join(logs.whole(pod, "main")) == b"".join(raw + b"\n" for raw in odd)
    assert texts(logs.lines(pod, "main", 0, 100)) == [raw.decode("utf-8", "replace") for raw in odd]


def test_a_line_without_end_takes_little_memory_and_says_what_is_cut_off():
    cutter, part = Cutter(), b"x" * 65_536
    for _ in range(1600):
        assert cutter.feed(part) == b""
    whole = cutter.feed(b"\nnext\n")
    first, second, _ = whole.split(b"\n")
    assert len(first) < 66_000
    assert first.endswith(" … 104792064 more bytes".encode())
    assert second == b"next"


@pytest.mark.parametrize("size", [1_000, 65_536])
@pytest.mark.parametrize("bar", [b"\r%d of 20000", b"%d of 20000\r"])
def test_of_a_long_line_that_draws_over_itself_the_last_state_is_kept(bar, size):
    text = b"".join(bar % n for n in range(20_001))
    sent = line(1, text) + line(2)
    cutter, found = Cutter(), b""
    for start in range(0, len(sent), size):
        found += cutter.feed(sent[start : start + size])
        assert len(cutter._rest) <= 65_536
    assert found.replace(b"\r", b"") == line(1, b"20000 of 20000") + line(2)


def test_of_a_last_state_that_is_too_long_itself_the_beginning_is_kept():
    cutter = Cutter()
    assert cutter.feed(line(1, b"10%\r")[:-1]) == b""
    found = b"".join(cutter.feed(part) for part in (b"x" * 65_536, b"y" * 1_000, b"\n"))
    cut = 65_536 - len(line(1, b"")) + 1
    assert found == line(1, b"x" * cut + f" … {65_536 + 1_000 - cut} more bytes".encode())


def test_the_run_before_is_a_log_of_its_own(here, pod):
    for number in (0, 1):
        writer = writing.Writer(claimed(pod, number), here)
        writer.add(line(0, f"run {number}".encode()))
        writer.finish()
    assert texts(logs.tail(pod, "main", 5)) == ["run 1"]
    assert texts(logs.tail(pod, "main", 5, previous=True)) == ["run 0"]


# --- who writes ---


def test_two_do_not_write_one_log(log, here, pod):
    mine = writing.Writer(log, here)
    mine.add(block(range(3)))
    mine.flush()
    assert claims.take(log, "other") is None
    KeptLog.objects.filter(pk=log.pk).update(held_until=timezone.now() - timedelta(minutes=1))
    theirs = writing.Writer(claims.take(log, "other"), here)
    mine.add(block(range(3, 6)))
    with pytest.raises(claims.ClaimLost):
        mine.flush()
    theirs.add(block(range(3, 5)))
    theirs.finish()
    assert texts(logs.tail(pod, "main", 10)) == [f"line {n}" for n in range(5)]


def test_what_a_dead_process_held_is_free_at_once_and_what_a_live_one_holds_is_not(pod):
    dead = claimed(pod, 0, claims.holder().replace(f"/{__import__('os').getpid()}/", f"/{2**22 + 1}/"))
    alive = claimed(pod, 1, claims.holder())
    claims.free_abandoned()
    assert claims.take(dead, "next")
    assert claims.take(alive, "next") is None


# --- going on where it was ---


def place(*numbers):
    return Place().after(block(numbers))


def again(where, sent):
    told = Again(where)
    return new_of(told, sent), told.gap


def test_lines_that_are_sent_again_are_told_once():
    where = place(999, 1000, 1001)
    assert (where.since, where.seen) == ("2026-01-02T03:00:01", 2)
    assert again(where, block([1000, 1001, 1002])) == (line(1002), False)
    assert again(where, block([1000, 1001])) == (b"", False)


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_the_place_is_the_same_however_the_lines_came(cut):
    numbers, where = [990, 995, 1000, 1001, 1002, 2500, 2600], Place()
    for start in range(0, len(numbers), cut):
        where = where.after(block(numbers[start : start + cut]))
    assert where == place(*numbers)
    assert (where.since, where.seen) == ("2026-01-02T03:00:02", 2)


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_the_place_is_the_same_read_from_the_end_to_the_beginning(cut):
    numbers, where = [990, 995, 1000, 2001, 2002, 2500, 2600], Place()
    for end in range(len(numbers), 0, -cut):
        where = where.preceded_by(block(numbers[max(0, end - cut) : end]))
    assert where == place(*numbers)
    assert (where.since, where.seen) == ("2026-01-02T03:00:02", 4)


@pytest.mark.parametrize("text", [b"", b"no time\n", b"no time\n\n", block([500, 900])])
def test_a_place_stays_where_it_is_for_what_has_no_time_or_an_earlier_one(text):
    assert place(1000, 1001).after(text) == place(1000, 1001)


def test_what_the_cluster_let_go_of_is_a_gap_and_not_a_repeat():
    where = place(1000, 1001, 1002)
    assert again(where, block([1001, 1002, 1003])) == (line(1003), False)
    assert again(where, block([1500, 1501])) == (block([1500, 1501]), True)


def test_many_lines_of_one_moment_are_counted():
    same = line(5) * 4
    where = Place().after(line(5) * 3)
    assert again(where, same) == (line(5), False)


# --- limits ---


def test_of_a_log_that_is_too_long_the_beginning_and_the_end_stay_with_a_note(
    log, here, pod, monkeypatch, settings
):
    monkeypatch.setattr(writing, "CHUNK_BYTES", 2_000)
    settings.LOG_BYTES = 10_000
    writer = writing.Writer(log, here, share=lambda: 1_900)
    for number in range(1000):
        writer.add(line(number))
    writer.finish()
    row = KeptLog.objects.get(pk=log.pk)
    assert (row.lines, row.bytes <= 10_000) == (1000, True)
    assert texts(logs.lines(pod, "main", 0, 1)) == ["line 0"]
    assert texts(logs.tail(pod, "main", 1)) == ["line 999"]
    note = logs.size(pod, "main").notes[0]
    assert "are not kept any more" in note
    page = logs.lines(pod, "main", 500, 5)  # in the gap: the next line there is
    assert page.first > 500
    assert texts(page)[0] == f"line {page.first}"
    assert b"not kept any more]" in b"".join(logs.whole(pod, "main"))


def test_old_lines_go_and_the_page_says_so(log, here, pod):
    writer = writing.Writer(log, here)
    writer.add(block(range(5)))
    writer.finish()
    assert retention.forget_old(here, timedelta(days=30)) == 1
    assert retention.forget_old(here, timedelta(days=30)) == 0
    assert list(here.logs()) == []
    assert logs.size(pod, "main").notes == ["Lines 1 to 5 are not kept any more."]
    assert logs.tail(pod, "main", 5).lines == []


def test_a_project_over_its_limit_loses_its_oldest_lines_and_no_other_project_does(here, pod, eve_training):
    from tests.make import make_pod

    for owner, start, count in ((pod, 0, 50), (pod, 5_000, 50), (make_pod(eve_training), 0, 5)):
        writer = writing.Writer(claimed(owner, start), here)
        writer.add(block(range(start, start + count)))
        writer.finish()
    most = KeptChunk.objects.filter(log__pod=pod).order_by("first_at").last().stored_bytes
    assert retention.forget_most(here, most) == 1
    assert list(KeptChunk.objects.filter(log__pod=pod).values_list("log__instance", flat=True)) == [5_000]
    assert KeptChunk.objects.exclude(log__pod=pod).count() == 1


def test_what_no_row_knows_is_deleted(log, here, pod):
    writer = writing.Writer(log, here)
    writer.add(block(range(5)))
    writer.finish()
    here.put("999999/000000000000-1-1.zst", b"of a log that is gone")
    assert retention.forget_unknown(here) == 1
    assert list(here.logs()) == [log.pk]


# --- search ---


@pytest.fixture
def searched(log, here, pod, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK_BYTES", 2_000)
    writer = writing.Writer(log, here, share=lambda: 1_900)
    for number in range(300):
        writer.add(line(number, b"ERROR: (x)+ 2026" if number % 100 == 7 else f"step {number}".encode()))
    writer.finish()
    return pod


@pytest.mark.parametrize(
    ("pattern", "regex", "found"),
    [
        ("error", False, [7, 107, 207]),
        ("Error", False, []),
        ("(x)+", False, [7, 107, 207]),
        ("2026", False, [7, 107, 207]),  # not the times before the text
        ("^step 2[34]$", True, [23, 24]),
        ("^ERROR.*26$", True, [7, 107, 207]),
        (r"step\s29\d", True, list(range(290, 300))),
        ("(a+)+$", True, []),
    ],
)
def test_search_finds_lines_by_their_text(searched, pattern, regex, found):
    hits = logs.search(searched, "main", pattern, regex=regex)
    assert (hits.numbers, hits.done, hits.problem, hits.searched_to) == (found, True, "", 300)
    assert hits.times == [line(number).split()[0].decode() for number in found]


def test_search_goes_on_where_it_stopped(searched):
    numbers, start = [], 0
    while True:
        hits = logs.search(searched, "main", "step", start=start, limit=40)
        numbers += hits.numbers
        start = hits.searched_to
        if hits.done:
            break
    assert numbers == [number for number in range(300) if number % 100 != 7]


def test_search_that_has_no_time_left_says_how_far_it_came(searched):
    hits = logs.search(searched, "main", "nowhere", seconds=0)
    assert not hits.done
    assert 0 < hits.searched_to < 300


@pytest.mark.parametrize(
    ("pattern", "regex"), [("(", True), ("", False), ("x" * 501, False), (r"(a)\1", True)]
)
def test_a_pattern_that_is_none_is_answered_in_words(searched, pattern, regex):
    hits = logs.search(searched, "main", pattern, regex=regex)
    assert hits.done
    assert hits.problem.endswith(".")


def test_what_is_missing_is_told_where_it_is(log, here, pod):
    writer = writing.Writer(log, here)
    writer.add(block(range(5)))
    writer.note("Lines are missing here.")
    writer.add(block(range(5, 8)))
    writer.note("The end is missing.")
    writer.finish()
    both = {5: "Lines are missing here.", 8: "The end is missing."}
    assert logs.lines(pod, "main", 0, 100).notes == logs.tail(pod, "main", 100).notes == both
    assert logs.lines(pod, "main", 0, 5).notes == {}
    assert logs.lines(pod, "main", 5, 2).notes == {5: "Lines are missing here."}
