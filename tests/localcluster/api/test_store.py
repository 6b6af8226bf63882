"""The file under the registry: versions, the past, compaction, and what a killed writer leaves."""

import os
import signal
import subprocess
import sys

import pytest

from localcluster.store import Store


def put(store, key, text, resource="things"):
    store.put(resource, key, text.encode(), old=store.get(resource, key))


def remove(store, key):
    body = store.get("things", key)
    store.remove("things", key, body, old=body)


def shown(page):
    return {key: body.decode() for key, body in page.rows}


@pytest.fixture
def filled(store):
    """Keys n/a to n/e with their first values; the version after that is store.version."""
    for key in "abcde":
        put(store, f"n/{key}", f"{key}1")
    return store


def test_versions_grow_by_one_a_write_and_survive(tmp_path):
    store = Store(tmp_path / "db")
    start = store.version
    put(store, "n/a", "1")
    remove(store, "n/a")
    assert store.version == start + 2
    store.close()
    assert Store(tmp_path / "db").version == start + 2


def test_versions_survive_compaction(tmp_path):
    store = Store(tmp_path / "db")
    put(store, "n/a", "1")
    store.compact(0, 0)
    store.close()
    again = Store(tmp_path / "db")
    assert (again.version, again.compacted) == (store.version, store.compacted)


def test_the_past_is_what_it_was(filled):
    then = filled.version
    put(filled, "n/b", "b2")
    put(filled, "n/b", "b3")
    remove(filled, "n/c")
    put(filled, "n/cc", "new")
    put(filled, "m/a", "elsewhere")
    assert shown(filled.page("things", "n/", at=then)) == {f"n/{key}": f"{key}1" for key in "abcde"}
    assert shown(filled.page("things", "n/")) == {
        "n/a": "a1",
        "n/b": "b3",
        "n/cc": "new",
        "n/d": "d1",
        "n/e": "e1",
    }


def test_pages_of_the_past_have_no_gap_and_no_repeat(filled):
    then = filled.version
    remove(filled, "n/a")
    remove(filled, "n/d")
    put(filled, "n/aa", "new")
    put(filled, "n/bb", "new")
    seen, after, more = [], "", True
    while more:
        page = filled.page("things", "n/", after=after, limit=2, at=then)
        seen += [key for key, _ in page.rows]
        after, more = page.rows[-1][0], page.more
    assert seen == ["n/a", "n/b", "n/c", "n/d", "n/e"]


def test_a_prefix_takes_its_own_namespace_only(store):
    for key in ("n/a", "n-2/a", "n0/a", "m/a"):
        put(store, key, key)
    assert list(shown(store.page("things", "n/"))) == ["n/a"]


def test_compaction_keeps_the_newest_and_never_passes_its_floor(filled):
    version = filled.version
    filled.compact(float("inf"), keep=2)
    assert filled.compacted == version - 2
    assert [one.version for one in filled.changes("things", filled.compacted)] == [version - 1, version]
    filled.compact(0, 0, floor=version - 1)
    assert filled.compacted == version - 1
    filled.compact(3600, keep=1000)
    assert filled.compacted == version - 1


WRITER = """
import sys
from pathlib import Path
from localcluster.store import Store
store = Store(Path(sys.argv[1]))
while True:
    key = f"n/{store.version % 50}"
    store.put("things", key, str(store.version + 1).encode(), old=store.get("things", key))
    print(store.version, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_said(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(200):
            said = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        said = max([said, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
    store = Store(tmp_path / "db")
    assert store.version >= said
    newest = max(int(body) for _, body in store.page("things", "").rows)
    assert newest == store.version
    assert store.changes("things", store.version - 1)[0].body == str(newest).encode()
