"""The end of a log as the collector keeps it, by what the cluster says of the container at each look."""

from dataclasses import dataclass

import pytest
from obstore.store import LocalStore

from runyard.clusters.connection import ApiError, Unreachable
from workloads import logs
from workloads.keeping import collecting
from workloads.keeping.finding import Run
from workloads.keeping.models import KeptLog
from workloads.keeping.store import Store
from workloads.keeping.upstream import Run as Latest

pytestmark = pytest.mark.django_db(transaction=True)
RUNS, ENDED = Latest(over=False), Latest()
NEXT_WAITS = Latest(
    1, waits=True
)  # the next run has ended as well: the cluster has the log of that one alone
GONE = Latest(gone=True)
AT = "2026-01-02T03:04:05.00000000"


@dataclass
class Look:
    """What the cluster has at one look: the latest run, again once the log is open, and the log."""

    run: Latest
    says: bytes = b""
    then: Latest | None = None
    breaks: Exception | None = None  # of the stream, after what it said
    refuses: Exception | None = None


class Stream:
    def __init__(self, look):
        self._look, self._cut = look, False

    def interrupt(self):
        self._cut = True

    def __iter__(self):
        if not self._cut:
            yield self._look.says
        if self._look.breaks:
            raise self._look.breaks


@pytest.fixture
def kept(ada_training, tmp_path, monkeypatch):
    """`kept(looks)`: the texts and the notes of the log of run 0, once the collector has done with it."""
    store = Store(LocalStore(tmp_path / "kept", mkdir=True))
    monkeypatch.setattr("workloads.keeping.chunks.store", lambda: store)
    monkeypatch.setattr(collecting, "FIRST_WAIT", 0.001)
    pod = ada_training.pods.get()

    def keep(*looks):
        left, opened = list(looks), []

        def latest_run(*_):
            if opened:
                look = opened.pop()
                return look.then or look.run
            look = left[0] if left[0].says or left[0].refuses else left.pop(0)
            if isinstance(look.run, Exception):
                raise look.run
            return look.run

        def follow(*_, **__):
            look = left.pop(0)
            if look.refuses:
                raise look.refuses
            opened.append(look)
            return Stream(look)

        monkeypatch.setattr(collecting.upstream, "latest_run", latest_run)
        monkeypatch.setattr(collecting.upstream, "follow", follow)
        reading = collecting.Reading(Run(pod.pk, "main", 0), store, "me").start()
        reading.join(60)
        assert reading.over
        assert not left, left
        log = KeptLog.objects.get(pod=pod)
        assert log.complete
        whole = b"".join(logs.whole(pod, "main")).decode().splitlines()
        return whole, [(note["line"], note["text"]) for note in log.notes]

    return keep


def said(*texts, end=b"\n"):
    """Lines as the cluster sends them; the last one without `end` is not written to its end."""
    return b"\n".join(f"{AT}{n}Z {text}".encode() for n, text in enumerate(texts)) + end


def test_a_log_that_was_read_to_its_end_lost_nothing_to_a_next_run_that_waits_already(kept):
    assert kept(Look(RUNS, said("one", "two")), Look(NEXT_WAITS)) == (["one", "two"], [])


def test_it_lost_nothing_to_a_next_run_that_ends_while_its_log_is_opened(kept):
    opened = Look(Latest(1, over=False), said("not ours"), then=NEXT_WAITS)
    assert kept(Look(RUNS, said("one")), opened, Look(NEXT_WAITS)) == (["one"], [])


def test_a_log_that_broke_off_lost_its_end_to_the_next_run(kept):
    broken = Look(RUNS, said("one", "two"), breaks=Unreachable("cut"))
    assert kept(Look(RUNS, said("one")), broken, Look(NEXT_WAITS)) == (["one", "two"], [(2, collecting.LOST)])


def test_what_was_written_while_the_cluster_did_not_answer_is_lost_with_the_pod(kept):
    away = Look(Unreachable("no answer"))
    assert kept(Look(RUNS, said("one")), away, Look(GONE)) == (["one"], [(1, collecting.LATE)])


def test_a_pod_that_is_gone_after_its_log_was_read_to_its_end_took_nothing_along(kept):
    assert kept(Look(RUNS, said("one")), Look(GONE)) == (["one"], [])


def test_neither_did_one_that_goes_while_its_log_is_asked_for(kept):
    refused = Look(RUNS, refuses=ApiError(404, "NotFound", "no such pod"))
    assert kept(Look(RUNS, said("one")), refused) == (["one"], [])


@pytest.mark.parametrize("last", [GONE, NEXT_WAITS])
def test_a_last_line_without_an_end_is_kept_and_said_to_be_perhaps_not_whole(kept, last):
    first = Look(RUNS, said("one", "fatal: no sp", end=b""))
    assert kept(first, Look(last)) == (["one", "fatal: no sp"], [(2, collecting.CUT)])


def test_a_line_that_gets_its_end_later_is_kept_once(kept):
    looks = Look(RUNS, said("one", "tw", end=b"")), Look(ENDED, said("one", "two"))
    assert kept(*looks) == (["one", "two"], [])


@pytest.mark.parametrize("last", [GONE, NEXT_WAITS, Latest(2, over=False)])
def test_a_stream_that_ended_is_no_proof_of_the_end_once_its_container_was_out_of_sight(
    kept, monkeypatch, last
):
    """As one that a kubelet cuts when it is restarted, while the container goes on writing."""
    monkeypatch.setattr(collecting, "PROMPT_SECONDS", 0.0)
    assert kept(Look(RUNS, said("one")), Look(last)) == (["one"], [(1, collecting.DOUBT)])


def test_a_stream_that_was_cut_is_read_on_from_where_it_was(kept, monkeypatch):
    monkeypatch.setattr(collecting, "PROMPT_SECONDS", 0.0)
    looks = Look(RUNS, said("one", "tw", end=b"")), Look(Latest(1, over=False), said("one", "two", "three"))
    assert kept(*looks) == (["one", "two", "three"], [])
