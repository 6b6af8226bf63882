"""The log of a workload by page: where it opens, why it is empty, its lines, search, first error, and zip."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from runyard.clusters.connection import ApiError
from tests.answers import content
from tests.make import make_pod
from workloads import logs, silence
from workloads.models import Pod

BEGAN = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


class Kept:
    """What `workloads.logs` reads, by the name of the pod: lines a second apart from BEGAN on."""

    def __init__(self):
        self.texts, self.offset, self.step, self.patterns, self.unread = {}, {}, {}, [], ""

    def write(self, pod, *texts, after=0.0, step=1):
        self.texts[pod.name], self.offset[pod.name], self.step[pod.name] = list(texts), after, step

    def all(self, pod):
        begins, step = self.offset.get(pod.name, 0), self.step.get(pod.name, 1)
        times = (BEGAN + timedelta(seconds=begins + n * step) for n in range(10**6))
        lines = zip(times, self.texts.get(pod.name, []), strict=False)
        return [(at.isoformat().replace("+00:00", "Z"), line) for at, line in lines]

    def lines(self, pod, container, first, count, previous=False):
        every = self.all(pod)
        found = every[first : first + count]
        return logs.LogPage(first=first, lines=found, total=len(every), unread=self.unread)

    def tail(self, pod, container, count, *, previous=False):
        return self.lines(pod, container, max(0, len(self.all(pod)) - count), count)

    def line_at(self, pod, container, at, previous=False):
        return sum(datetime.fromisoformat(time) < at for time, _ in self.all(pod))

    def search(self, pod, container, pattern, *, regex, previous, start, limit, seconds):
        import re2

        self.patterns.append((pattern, regex, start))
        if regex and pattern == "(":
            return logs.Hits(searched_to=start, done=True, problem="This is no regular expression.")
        every = self.all(pod)
        found = [n for n, (_, text) in enumerate(every) if n >= start and re2.search(pattern, text.lower())]
        if len(found) >= limit:
            found, to = found[:limit], found[limit - 1] + 1
        else:
            to = len(every)
        return logs.Hits(found, to, to == len(every), times=[every[n][0] for n in found])

    def whole(self, pod, container, *, previous=False, timestamps=False):
        if pod.name not in self.texts:
            raise ApiError(404, "NotFound", "pods not found")
        return iter([f"{text}\n".encode() for text in self.texts[pod.name]])


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    found = Kept()
    for name in ("lines", "tail", "line_at", "search", "whole"):
        monkeypatch.setattr(f"workloads.logs.{name}", getattr(found, name))
    for limit in ("views.log_data.SEARCH_SECONDS", "merging.SECONDS", "merged_search.SECONDS"):
        monkeypatch.setattr(f"workloads.{limit}", 600.0)  # the machine that tests may be slow
    return found


@pytest.fixture
def pod(ada_training):
    return Pod.objects.filter(workload=ada_training).first()


@pytest.fixture
def get(ada, ada_training, browse):
    """`get("lines?first=0")` as Ada, below the workload's log."""
    client = browse(ada)
    return lambda path="": client.get(f"/workloads/{ada_training.pk}/logs{path}")


def test_a_long_log_opens_at_its_end_and_leads_back_without_scripts(get, kept, pod):
    kept.write(pod, *(f"line {n}" for n in range(2_000)))
    page = content(get()).decode()
    assert 'data-first="1500"' in page
    assert 'data-total="2000"' in page
    assert ">line 1999</li>" in page
    assert "&line=1251" in page
    assert "Lines 1,501 to 2,000 of 2,000." in page


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("?line=1000", 749),
        ("?line=1", 0),
        ("?at=2026-01-02T03:16:39Z", 749),
        ("?at=2026-01-02T03:16:39", 749),
        ("?at=1999-01-01T00:00:00Z", 0),
    ],
)
def test_a_line_or_a_time_in_the_address_opens_there(get, kept, pod, query, first):
    kept.write(pod, *(f"line {n}" for n in range(2_000)))
    response = get(query)
    assert response.status_code == 200
    page = content(response).decode()
    assert f'data-first="{first}"' in page
    assert "does not reach" not in page


@pytest.mark.parametrize("query", ["?line=2001", "?line=999999999999", "?at=2999-01-01T00:00:00Z"])
def test_of_a_place_beyond_the_end_the_end_is_shown_no_line_is_marked_and_it_is_said(get, kept, pod, query):
    kept.write(pod, *(f"line {n}" for n in range(2_000)))
    page = content(get(query)).decode()
    assert 'data-first="1500"' in page
    assert 'data-place=""' in page
    assert "This log does not reach to the place in the address: here is its end." in page


def test_of_lines_that_cannot_be_read_now_nobody_says_that_they_are_not(get, kept, pod):
    kept.write(pod, *(f"line {n}" for n in range(2_000)))
    kept.unread = "The node does not answer."
    page = content(get("?line=2100")).decode()
    assert "The node does not answer." in page
    assert "does not reach" not in page


def test_later_lines_are_offered_only_where_there_are_some(get, kept, pod):
    kept.write(pod, *(f"line {n}" for n in range(2_000)))
    assert "&line=2000" in content(get("?line=1700")).decode()
    page = content(get("?line=1999")).decode()
    assert "Later lines" not in page
    assert "Earlier lines" in page


@pytest.mark.parametrize(
    "query", ["?line=-1", "?line=x", "?line=1e3", "?at=yesterday", "?at=2026-13-45T00:00"]
)
def test_a_place_that_is_none_is_a_400_in_words(get, query):
    response = get(query)
    assert response.status_code == 400
    assert "such as" in content(response).decode()


def test_lines_come_by_number(get, kept, pod):
    kept.write(pod, *(f"line {n}" for n in range(10)))
    page = get("/lines?first=3&count=2").json()
    assert (page["first"], page["total"], [text for _, text in page["lines"]]) == (
        3,
        10,
        ["line 3", "line 4"],
    )
    assert get("/lines?first=99999").json()["lines"] == []


@pytest.mark.parametrize("path", ["/lines?first=-1", "/lines?count=x", "/search?q=a&start=x"])
def test_a_number_that_is_none_is_a_400_in_words(get, pod, path):
    response = get(path)
    assert response.status_code == 400
    assert "number" in response.json()["problem"]


def test_a_search_finds_numbers_and_goes_on_from_where_it_was(get, kept, pod):
    kept.write(pod, "loss 1", "ok", "loss 2")
    assert get("/search?q=loss").json() == {
        "numbers": [0, 2], "searched_to": 3, "total": 3, "done": True, "problem": "",
    }  # fmt: skip
    assert get("/search?q=loss&start=1&regex=1").json()["numbers"] == [2]
    assert kept.patterns == [("loss", False, 0), ("loss", True, 1)]


def test_a_bad_expression_is_said_in_words(get, pod):
    found = get("/search?q=(&regex=1").json()  # no error: one is typing
    assert found["done"] is True
    assert found["problem"] == "This is no regular expression."


@pytest.mark.parametrize(
    "path",
    [
        "/lines?first=0",
        "/search?q=x",
        "/search?pod=all&q=x",
        "/merged?pod=all",
        "/first-error",
        "/download?pod=all",
    ],
)
def test_who_may_not_read_logs_is_told_whom_to_ask(ada_training, browse, monkeypatch, ada, path):
    monkeypatch.setattr("workloads.views.log_data.may", lambda *_: False)
    monkeypatch.setattr("workloads.views.logs.may", lambda *_: False)
    response = browse(ada).get(f"/workloads/{ada_training.pk}/logs{path}")
    assert response.status_code == 403
    assert b"You lack the right" in content(response)


def test_another_workload_s_pod_is_no_way_around_the_gate(get, eve_training):
    other = Pod.objects.filter(workload=eve_training).first() or make_pod(eve_training)
    for path in ("/lines", "/search"):
        assert get(f"{path}?pod={other.pk}&q=x").status_code == 404


@pytest.fixture
def ranks(ada_training, pod, kept):
    """Three ranks, each beginning half a second after the one before."""
    pod.delete()
    found = [make_pod(ada_training, name=f"redwood-sft-{n}", role=f"rank {n}") for n in range(3)]
    for n, one in enumerate(found):
        kept.write(one, *(f"rank {n} step {step}" for step in range(3)), after=n * 0.5)
    return found


def test_the_logs_of_all_pods_are_merged_in_the_order_of_their_times(get, ranks):
    page = content(get("?pod=all")).decode()
    expected = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1), (1, 2), (2, 2)]
    order = [page.index(f"rank {rank} step {step}<") for rank, step in expected]
    assert order == sorted(order)
    assert page.count('class="log-who r1">rank 1</b>') == 1
    assert f"log:{ranks[2].pk}/main" in page.replace("\\u003a", ":")


def test_a_merged_log_opens_at_a_time_and_at_a_line_of_one_pod(get, ranks):
    page = content(get("?pod=all&at=2026-01-02T03:00:01Z")).decode()
    assert 'data-place="2"' in page
    assert "lines around a moment" in page
    page = content(get(f"?pod=all&hit={ranks[1].pk}:2")).decode()
    assert 'data-place="4"' in page
    assert "rank 2 step 0<" in page


@pytest.mark.parametrize("hit", ["x", "1", "1:", "1:-2", "1:x", ":2"])
def test_a_line_of_a_pod_that_is_none_is_a_400_in_words(get, ranks, hit):
    assert get(f"?pod=all&hit={hit}").status_code == 400
    response = get(f"/merged?pod=all&hit={hit}")
    assert response.status_code == 400
    assert "such as" in response.json()["problem"]


def test_a_line_of_another_workload_s_pod_is_not_found(get, ranks, eve_training):
    other = make_pod(eve_training).pk
    assert get(f"?pod=all&hit={other}:1").status_code == 404
    assert get(f"/merged?pod=all&hit={other}:1").status_code == 404
    assert get(f"/merged?pod=all&before={other}:5").json()["lines"] == []
    assert get(f"/search?pod=all&q=x&from={other}:0").json()["pods"] == []


@pytest.mark.parametrize("place", ["hit={}:999999999", "at=2999-01-01T00:00:00Z"])
def test_a_place_beyond_the_end_of_all_opens_at_the_end_and_that_is_said(get, ranks, place):
    page = content(get(f"?pod=all&{place.format(ranks[1].pk)}")).decode()
    assert "rank 2 step 2<" in page
    assert 'data-place=""' in page
    assert "This log does not reach to the place in the address: here is its end." in page
    assert "lines around a moment" not in page


@pytest.fixture
def uneven(ada_training, pod, kept):
    """Rank 0 writes a line a second for an hour, rank 1 a line in ten seconds."""
    pod.delete()
    found = [make_pod(ada_training, name=f"redwood-sft-{n}", role=f"rank {n}") for n in range(2)]
    kept.write(found[0], *(f"fast {n}" for n in range(3_600)))
    kept.write(found[1], *(f"slow {n}" for n in range(360)), step=10)
    return found


def stretch(page):
    """The lines of a stretch as (text, second), in order; where each pod goes on, by its id."""
    lines = [(text, (datetime.fromisoformat(time) - BEGAN).seconds) for _, _, time, text in page["lines"]]
    assert [second for _, second in lines] == sorted(second for _, second in lines)
    return lines, {told["pod"]: told for told in page["pods"]}


def test_a_stretch_lacks_no_line_of_any_pod(get, uneven):
    """250 lines of rank 1 reach far beyond those of rank 0: they are cut off where those end."""
    page = get(f"/merged?pod=all&hit={uneven[1].pk}:181").json()
    lines, ends = stretch(page)
    assert lines[0] == ("fast 1550", 1_550)
    assert lines[-1] == ("fast 2049", 2_049)
    assert [text for text, _ in lines if text.startswith("slow")] == [f"slow {n}" for n in range(155, 205)]
    assert (ends[uneven[0].pk]["first"], ends[uneven[0].pk]["total"]) == (1_550, 2_050)
    assert (ends[uneven[1].pk]["first"], ends[uneven[1].pk]["total"]) == (155, 205)
    assert all(told["more"] for told in ends.values())


def test_a_pod_whose_clock_went_wrong_hides_no_line_one_asks_for(get, uneven, kept, monkeypatch):
    """Its lines of that moment are not where its index says."""
    late = {uneven[0].pk: 3_000}
    found = kept.line_at
    monkeypatch.setattr("workloads.logs.line_at", lambda pod, *rest: late.get(pod.pk) or found(pod, *rest))
    lines, _ = stretch(get(f"/merged?pod=all&hit={uneven[1].pk}:181").json())
    assert ("slow 180", 1_800) in lines


def test_stretches_follow_each_other_without_gap_or_repeat(get, uneven):
    lines, ends = stretch(get("/merged?pod=all&at=2026-01-02T03:30:00Z").json())
    first = {pk: told["first"] for pk, told in ends.items()}
    while any(told["more"] for told in ends.values()):
        places = ",".join(f"{pk}:{told['total']}" for pk, told in ends.items())
        later, ends = stretch(get(f"/merged?pod=all&after={places}").json())
        lines += later
    while any(first.values()):
        places = ",".join(f"{pk}:{number}" for pk, number in first.items() if number)
        earlier, ends = stretch(get(f"/merged?pod=all&before={places}").json())
        lines = earlier + lines
        first |= {pk: told["first"] for pk, told in ends.items()}
    assert [second for _, second in lines] == sorted(second for _, second in lines)
    assert {text for text, _ in lines} == {f"fast {n}" for n in range(3_600)} | {
        f"slow {n}" for n in range(360)
    }
    assert len(lines) == 3_960


@pytest.mark.parametrize(
    "path", ["/merged?pod=all&before=x", "/merged?pod=all&after=1:x", "/search?pod=all&q=x"]
)
def test_a_place_in_all_logs_that_is_none_is_a_400_in_words(get, ranks, path):
    response = get(path)
    assert response.status_code == 400
    assert "such as" in response.json()["problem"]


def test_the_logs_of_all_pods_are_searched_each_from_its_own_line(get, ranks, kept):
    places = ",".join(f"{pod.pk}:{n}" for n, pod in enumerate(ranks[:2]))
    told = get(f"/search?pod=all&q=step&from={places}").json()["pods"]
    assert [(one["pod"], one["numbers"], one["done"], one["total"]) for one in told] == [
        (ranks[0].pk, [0, 1, 2], True, 3),
        (ranks[1].pk, [1, 2], True, 3),
    ]
    assert told[1]["times"] == ["2026-01-02T03:00:01.500000Z", "2026-01-02T03:00:02.500000Z"]


def test_a_search_of_all_shares_its_hits_among_the_pods(get, uneven, monkeypatch):
    monkeypatch.setattr("workloads.views.log_data.MOST_HITS", 100)
    places = ",".join(f"{pod.pk}:0" for pod in uneven)
    told = get(f"/search?pod=all&q=[ao]&regex=1&from={places}").json()["pods"]
    assert [(len(one["numbers"]), one["searched_to"], one["done"]) for one in told] == [(50, 50, False)] * 2


def test_a_bad_expression_for_all_is_said_in_words(get, ranks):
    told = get(f"/search?pod=all&q=(&regex=1&from={ranks[0].pk}:0").json()["pods"]
    assert told[0]["problem"] == "This is no regular expression."


def test_more_pods_than_are_followed_are_said(get, ranks, ada_training, kept):
    for n in range(3, 12):
        kept.write(make_pod(ada_training, role=f"rank {n}"), f"only of {n}")
    page = content(get("?pod=all")).decode()
    assert "The last lines of 12 pods" in page
    assert "rank 11" in page


def test_the_first_error_of_any_pod_is_one_click_away(get, ranks, kept):
    kept.write(ranks[0], "ok", "errors: 0", "RuntimeError: late")
    kept.write(ranks[2], "ok", "CUDA out of memory", after=0.1)
    response = get("/first-error")
    assert response.status_code == 302
    assert response["Location"].endswith(f"?pod={ranks[2].pk}&container=main&line=2#L2")


def test_no_error_is_said(get, ranks, kept):
    response = get("/first-error")
    assert response["Location"].endswith("?pod=all&note=no-error")
    assert "No line of any pod looks like an error." in content(get("?pod=all&note=no-error")).decode()


def test_the_logs_of_all_pods_come_as_one_zip(get, ranks, kept):
    del kept.texts[ranks[1].name]
    response = get("/download?pod=all")
    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(content(response))) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert sorted(files) == [f"redwood-sft-{n}-main.log" for n in range(3)]
    assert files["redwood-sft-2-main.log"] == "rank 2 step 0\nrank 2 step 1\nrank 2 step 2\n"
    assert "forgotten this pod" in files["redwood-sft-1-main.log"]


def container(pod, **state):
    pod.containers = [{"name": "main", **state}]
    return pod


@pytest.mark.parametrize(
    ("state", "fields", "words", "see"),
    [
        (
            {"state": "waiting", "reason": "ImagePullBackOff"},
            {},
            "not started yet (ImagePullBackOff)",
            "events",
        ),
        ({"state": "running"}, {}, "has written nothing yet", ""),
        ({"state": "terminated"}, {"exit_code": 3}, "without writing anything, with exit code 3", "events"),
        ({"state": "terminated"}, {}, "ended without writing anything", "events"),
        ({"state": "running"}, {"gone_at": timezone.now()}, "ended without writing anything", "events"),
        ({"state": "waiting"}, {"gone_at": timezone.now()}, "ended before its container started", "events"),
        ({"state": "waiting"}, {"phase": "Failed"}, "ended before its container started", "events"),
    ],
)
def test_an_empty_log_says_why_and_what_next(get, pod, state, fields, words, see):
    pod.running_at = None
    for name, value in fields.items():
        setattr(pod, name, value)
    container(pod, **state).save()
    said = silence.of_container(pod, "main")
    assert words in said.words
    assert said.see == see
    page = content(get(f"?pod={pod.pk}")).decode()
    assert words in page
    assert ("Open the event history" in page) is bool(see)


def test_a_log_that_was_let_go_of_says_how_long_logs_are_kept(pod):
    assert "1,200 lines are not kept any more" in silence.of_container(pod, "main", total=1_200).words


def test_a_log_that_ended_says_until_when_it_is_kept(get, pod, kept):
    kept.write(pod, "one")
    Pod.objects.filter(pk=pod.pk).update(finished_at=timezone.now())
    until = timezone.now() + timedelta(days=settings.LOG_DAYS)
    assert f'data-kept="Kept until {until:%-d %B %Y}."' in content(get()).decode()
    assert 'data-kept=""' in content(get("?pod=all")).decode()
    kept.write(pod)
    assert 'data-kept=""' in content(get()).decode(), "nothing is kept of what was not written"


def test_a_pod_s_hostile_name_cannot_leave_the_attribute(get, ranks):
    Pod.objects.filter(pk=ranks[0].pk).update(name="'><script>alert(1)</script>-0")
    page = content(get("?pod=all")).decode()
    assert "<script>alert" not in page
    start = page.index("data-pods='") + len("data-pods='")
    shown = json.loads(page[start : page.index("'", start)].replace("&#39;", "'").replace("&amp;", "&"))
    assert {one["name"] for one in shown} >= {"'><script>alert(1)</script>-0"}
