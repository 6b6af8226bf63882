"""Listing and watching an API that misbehaves: what is news, what is gone, what is asked again."""

import threading
import time
from queue import Queue

import pytest

from runyard.clusters import objects
from runyard.clusters.connection import ApiError, Unreachable
from runyard.sync import follower as follower_module
from runyard.sync.follower import Follower
from runyard.sync.source import Change, Damaged, Expired, Part, Source, Watched
from runyard.sync.store import Store
from tests.sync.fakes import FakeApi, bookmark, error, event, expired, pod

PODS = Watched("pods", "/api/v1/pods", objects.Pod)


def source(*lists, watches=()):
    return Source(FakeApi(lists, watches), PODS)


# --- source ---


def test_pages_are_read_one_by_one_and_only_when_wanted():
    api = FakeApi([(7, [pod("a", 1)], "next"), (7, [pod("b", 2)])])
    parts = Source(api, PODS).list()
    first = next(parts)
    assert (first.version, [p.metadata.uid for p in first.objects], len(api.asked)) == ("7", ["a"], 1)
    assert [p.metadata.uid for part in parts for p in part.objects] == ["b"]
    assert api.asked == [("list", {"limit": 500}), ("list", {"limit": 500, "continue": "next"})]


def test_one_odd_object_spoils_nothing_else():
    odd = pod("odd", 2) | {"spec": None}
    (part,) = source((7, [pod("a", 1), odd, pod("b", 3)])).list()
    assert [p.metadata.uid for p in part.objects] == ["a", "b"]
    assert list(part.odd) == ["odd"]


def test_a_list_that_is_no_json_is_damage():
    class Html(FakeApi):
        def read(self, *args, **kwargs):
            return b"<html>bad gateway</html>"

    with pytest.raises(Damaged):
        list(Source(Html(), PODS).list())


@pytest.mark.parametrize("line", [b"", b"{", b"null", b'{"type": "ADDED"}', event("SURPRISE", pod("a", 1))])
def test_a_line_that_is_no_event_is_damage_and_never_skipped(line):
    with pytest.raises(Damaged):
        list(source(watches=[[line]]).watch("1"))


def test_an_error_event_of_410_is_expiry_and_any_other_a_refusal():
    with pytest.raises(Expired):
        list(source(watches=[[error(410)]]).watch("1"))
    with pytest.raises(ApiError):
        list(source(watches=[[error(500)]]).watch("1"))


def test_an_error_event_without_a_code_is_a_refusal():
    with pytest.raises(ApiError):
        list(source(watches=[[event("ERROR", {"kind": "Status"})]]).watch("1"))


def test_an_odd_object_in_a_watch_is_named():
    (change,) = source(watches=[[event("MODIFIED", pod("odd", 4) | {"status": 3})]]).watch("1")
    assert (change.uid, change.version, bool(change.odd)) == ("odd", "4", True)


@pytest.mark.parametrize("date", ["yesterday", 5, {}])
def test_an_object_with_a_bad_date_is_named_too(date):
    odd = pod("odd", 2)
    odd["metadata"]["creationTimestamp"] = date
    (part,) = source((7, [pod("a", 1), odd])).list()
    assert list(part.odd) == ["odd"]
    (change,) = source(watches=[[event("MODIFIED", odd)]]).watch("1")
    assert (change.uid, bool(change.odd)) == ("odd", True)
    (change,) = source(watches=[[event("DELETED", odd)]]).watch("1")
    assert (change.uid, change.object, change.odd) == ("odd", None, "")


# --- store ---


def decoded(*pods):
    import json

    import msgspec

    return [msgspec.json.decode(json.dumps(p).encode(), type=objects.Pod) for p in pods]


def listing(version, *pods, **odd):
    return [Part(str(version), decoded(*pods), odd)]


def told(seen):
    return [(one.uid, one.object is not None) for one in seen]


def test_a_relist_with_nothing_changed_is_no_news():
    store = Store("pods", {"a": "1", "b": "2"})
    assert told(store.replace(listing(9, pod("a", 1), pod("b", 2)))) == []


def test_what_a_complete_list_lacks_is_gone():
    store = Store("pods", {"a": "1", "b": "2"})
    assert told(store.replace(listing(9, pod("a", 3)))) == [("a", True), ("b", False)]


def test_an_unreadable_object_is_not_gone():
    assert told(Store("pods", {"a": "1"}).replace(listing(9, a="why"))) == []


def test_one_that_does_not_even_tell_its_uid_may_be_any_that_a_list_lacks():
    (part,) = source((9, [pod("a", 1), {"metadata": None}])).list()
    store = Store("pods", {"a": "1", "b": "2"})
    assert told(store.replace([part])) == []
    assert told(store.replace(listing(10, pod("a", 1)))) == [("b", False)]


def test_news_is_told_page_by_page_and_what_is_gone_at_the_end():
    store = Store("pods", {"a": "1", "b": "2", "c": "3"})
    pages = iter([*listing(9, pod("a", 4)), *listing(9, pod("b", 2)), *listing(9, pod("d", 5))])
    news = store.replace(pages)
    assert next(news).uid == "a"
    assert len(list(pages)) == 2  # not read ahead
    store = Store("pods", {"a": "1", "b": "2", "c": "3"})
    pages = [*listing(9, pod("a", 4)), *listing("", pod("b", 2), odd="why"), *listing("", pod("d", 5))]
    assert told(store.replace(pages)) == [("a", True), ("d", True), ("c", False)]
    assert (store.version, store.odd) == ("9", {"odd": "why"})


def test_a_list_that_breaks_off_tells_what_it_read_once_and_nobody_gone():
    def pages():
        yield from listing(9, pod("a", 4))
        raise Unreachable("cut")

    store, heard = Store("pods", {"a": "1", "b": "2"}), []
    with pytest.raises(Unreachable):
        heard.extend(store.replace(pages()))
    assert told(heard) == [("a", True)]
    assert told(store.replace(listing(10, pod("a", 4), pod("b", 2)))) == []


def test_what_was_submitted_and_never_seen_is_gone_when_a_list_lacks_it():
    store = Store("pods", {"a": "1"})
    store.expect({"made": "", "here": "", "a": ""})
    assert told(store.replace(listing(9, pod("a", 1), pod("here", 3)))) == [("here", True), ("made", False)]
    store.expect({"made": ""})  # its row is about to be written
    assert told(store.replace(listing(12, pod("a", 1), pod("here", 3)))) == []


def test_what_a_watch_told_gone_is_not_expected_again():
    store = Store("pods", {"a": "1"})
    assert told([store.apply(Change("7", "a"))]) == [("a", False)]
    store.expect({"a": ""})
    assert told(store.replace(listing(9))) == []


def test_deleted_and_made_again_under_one_name_are_two():
    store = Store("pods", {"old": "1"})
    assert told(store.replace(listing(9, pod("new", 8, name="same")))) == [("new", True), ("old", False)]


def test_what_is_gone_does_not_come_back_late():
    store = Store("pods", {"a": "1"})
    assert told(store.replace(listing(5, pod("a", 1)))) == []
    assert told([store.apply(Change("7", "a"))]) == [("a", False)]
    assert store.apply(Change("6", "a", *decoded(pod("a", 6)))) is None
    assert store.apply(Change("7", "a")) is None


def test_what_comes_late_does_not_undo_what_is_newer():
    store = Store("pods", {"a": "1"})
    assert store.apply(Change("8", "a", *decoded(pod("a", 8)))) is not None
    assert store.apply(Change("7", "a", *decoded(pod("a", 7)))) is None
    assert told([store.apply(Change("8", "a"))]) == [("a", False)]


def test_a_list_may_say_what_is_older_for_a_cluster_may_be_set_back():
    store = Store("pods", {"a": "8"})
    assert told(store.replace(listing(5, pod("a", 4)))) == [("a", True)]
    assert store.apply(Change("6", "a", *decoded(pod("a", 6)))) is not None


def test_what_cannot_be_read_on_a_cluster_that_was_set_back_is_news_once_it_can():
    store = Store("pods", {"a": "500"})
    assert told(store.replace(listing(100, a="why"))) == []
    assert store.apply(Change("120", "a", *decoded(pod("a", 120)))) is not None
    assert told(store.replace(listing(130))) == [("a", False)]


def test_what_the_list_covered_is_old():
    store = Store("pods")
    assert told(store.replace(listing(10, pod("a", 9)))) == [("a", True)]
    assert store.apply(Change("4", "b", *decoded(pod("b", 4)))) is None
    assert store.apply(Change("11", "b", *decoded(pod("b", 11)))).uid == "b"


def test_the_same_event_twice_is_one():
    store = Store("pods")
    change = Change("3", "a", *decoded(pod("a", 3)))
    assert store.apply(change) is not None
    assert store.apply(change) is None


def test_events_the_cluster_forgets_are_not_told_gone():
    store = Store("events", {"a": "1"}, forgets=True)
    assert told(store.replace(listing(9))) == []
    assert len(store) == 0


# --- follower ---


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(follower_module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(follower_module, "LONGEST_WAIT", 0.004)


def follow(api, done, known=None, expected=dict):
    """Follow until `done(follower, news)`; the news, as (uid, there)."""
    stop, inbox, news = threading.Event(), Queue(1000), []
    follower = Follower(Source(api, PODS), Store("pods", known), inbox, stop, expected)
    thread = threading.Thread(target=follower.follow)
    thread.start()
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            while not inbox.empty():
                news.append(inbox.get())
            if done(follower, told(news)):
                return told(news), follower
            stop.wait(0.002)
        raise AssertionError(f"in vain: {told(news)}, {api.asked}, {follower.error}")
    finally:
        stop.set()
        follower.interrupt()
        thread.join(60)


def test_a_cut_stream_goes_on_where_it_was():
    api = FakeApi(
        [(5, [pod("a", 1)])],
        [[event("ADDED", pod("b", 6)), Unreachable("cut")], [event("ADDED", pod("c", 7))]],
    )
    news, _ = follow(api, lambda f, n: len(n) == 3)
    assert news == [("a", True), ("b", True), ("c", True)]
    assert api.asked[:3] == [("list", {"limit": 500}), ("watch", "5"), ("watch", "6")]


def test_a_cluster_that_was_set_back_while_its_watch_was_cut_is_listed_again():
    """Asked to go on from its future, it would say nothing for minutes."""
    api = FakeApi([(50, [pod("a", 41), pod("b", 49)]), (43, [pod("a", 41)])], [[Unreachable("cut")], []])
    api.now = 42
    news, _ = follow(api, lambda f, n: len(n) == 3)
    assert news == [("a", True), ("b", True), ("b", False)]
    assert [asked for asked in api.asked if asked[0] == "watch"][:2] == [("watch", "50"), ("watch", "43")]


def test_410_lists_again_and_tells_what_was_missed():
    api = FakeApi(
        [(5, [pod("a", 1), pod("b", 2)]), (20, [pod("b", 2), pod("c", 19)])],
        [[error(410)], [bookmark(21)]],
    )
    news, _ = follow(api, lambda f, n: len(n) == 4)
    assert news == [("a", True), ("b", True), ("c", True), ("a", False)]


def test_pages_that_expire_are_listed_again_and_in_the_end_without_pages():
    first = (7, [pod("a", 1)], "next")
    api = FakeApi([first, expired(), first, expired(), (9, [pod("b", 2)])], [[bookmark(10)]])
    news, _ = follow(api, lambda f, n: len(n) == 3)
    assert news == [("a", True), ("b", True), ("a", False)]
    assert [asked for _, asked in api.asked[:5]] == [*PAGED, *PAGED, {}]
    assert api.asked[5] == ("watch", "9")


PAGED = [{"limit": 500}, {"limit": 500, "continue": "next"}]


def test_before_each_list_the_follower_asks_what_must_be_in_it():
    submitted = [{}, {"ours": ""}]
    api = FakeApi([(5, [pod("a", 1)]), (20, [pod("a", 1)])], [[error(410)], [bookmark(21)]])
    news, _ = follow(api, lambda f, n: len(n) == 2, expected=lambda: submitted.pop(0))
    assert news == [("a", True), ("ours", False)]


def test_a_list_that_fails_on_its_second_page_deletes_nothing():
    api = FakeApi(
        [(5, [pod("a", 1)], "next"), Unreachable("timed out"), (6, [pod("a", 1), pod("b", 2)])],
        [[bookmark(7)]],
    )
    news, _ = follow(api, lambda f, n: f.listed, known={"a": "1", "b": "2"})
    assert news == []


@pytest.mark.parametrize(
    "refusal", [ApiError(403, "Forbidden", "no"), ApiError(429, "", "slow", 0.001), Unreachable("x")]
)
def test_a_refused_list_is_asked_again_and_says_why_meanwhile(refusal):
    api = FakeApi([refusal, (6, [pod("a", 1)])], [[bookmark(7)]])
    news, _ = follow(api, lambda f, n: f.listed, known={"a": "1"})
    assert news == []


@pytest.mark.parametrize("said", [1.0, 30.0, None])
@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_in_trouble_is_asked_every_other_second_at_most(monkeypatch, code, said):
    monkeypatch.setattr(follower_module, "FIRST_WAIT", 0.8)
    monkeypatch.setattr(follower_module, "LONGEST_WAIT", 30.0)
    api, waited, stop = FakeApi([ApiError(code, "", "busy", said)] * 200), [], threading.Event()
    follower = Follower(Source(api, PODS), Store("pods"), Queue(10), stop)

    def wait(seconds):
        waited.append(seconds)
        if sum(waited) >= 60:
            stop.set()

    follower._hurry.wait = wait
    follower.follow()
    assert len(api.asked) <= 30
    assert min(waited) >= max(said or 0, 0.64)


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_in_trouble_is_not_asked_for_its_version_and_a_watch_at_once(code):
    api = FakeApi()
    api.now = ApiError(code, "", "busy", 7.0)
    with pytest.raises(ApiError) as refused:
        Source(api, PODS).is_behind("5")
    assert refused.value.retry_after == 7.0


def test_a_bookmark_moves_the_version():
    api = FakeApi([(5, [])], [[bookmark(50)], [bookmark(60)]])
    follow(api, lambda f, n: ("watch", "50") in api.asked)


def test_a_watch_that_ends_at_once_is_an_error_and_not_a_storm():
    api = FakeApi([(5, [])], [[], []])
    _, follower = follow(api, lambda f, n: "ends as soon" in f.error or "script" in f.error)
    assert follower.error


def test_damage_lists_again():
    api = FakeApi([(5, [pod("a", 1)]), (9, [])], [[b"\x00junk"], [bookmark(10)]])
    news, _ = follow(api, lambda f, n: len(n) == 2)
    assert news == [("a", True), ("a", False)]


def test_a_cluster_that_answers_again_is_asked_at_once(monkeypatch):
    """Without the hurry the second list would come after ten minutes."""
    for name in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(follower_module, name, 600.0)
    api = FakeApi([Unreachable("down"), (6, [pod("a", 1)])], [[bookmark(7)]])

    def done(follower, news):
        if follower.error and not follower.listed:
            follower.hurry()
        return news == [("a", True)] and follower.listed

    follow(api, done)
    assert [kind for kind, _ in api.asked][:2] == ["list", "list"]


def test_a_follower_that_is_stopped_while_its_watch_opens_does_not_wait_for_it_to_end():
    """The interruption comes before there is anything to interrupt."""
    stop, interrupted = threading.Event(), threading.Event()

    class Slow(FakeApi):
        def lines(self, *args, **kwargs):
            stop.set()
            follower.interrupt()
            return Silent()

    class Silent:
        def __iter__(self):
            assert interrupted.wait(30), "nobody interrupts it"
            yield from ()

        def interrupt(self):
            interrupted.set()

    follower = Follower(Source(Slow([(5, [])]), PODS), Store("pods"), Queue(10), stop)
    follower.follow()
    assert interrupted.is_set()


def test_what_comes_late_neither_quarantines_an_object_nor_frees_it():
    store = Store("pods", {"a": "9"})
    assert store.apply(Change("7", "a", odd="why")) is None
    assert store.odd == {}
    assert store.apply(Change("10", "a", odd="why")) is None
    assert store.apply(Change("8", "a", *decoded(pod("a", 8)))) is None
    assert store.odd == {"a": "why"}
    assert told([store.apply(Change("11", "a", *decoded(pod("a", 11))))]) == [("a", True)]
    assert store.odd == {}
