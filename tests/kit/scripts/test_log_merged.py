"""The logs of all pods as one in a real browser: in the order of their times, searched to their ends."""

import json
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import expect

from tests.kit.scripts.test_log_view import section, shown

MINUTES = 600  # each pod writes a line a minute; rank 1 half a minute later


def time_of(pod, n):
    return f"2026-01-{2 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:{30 * pod:02}Z"


class Server:
    """Answers as the addresses of merged logs do, for two pods with the ids 10 and 11."""

    def __init__(self, needles=(), fails=""):
        self.texts = {
            pod: [f"{'needle' if (pod, n) in needles else 'line'} {pod}/{n}" for n in range(MINUTES)]
            for pod in (0, 1)
        }
        self.step, self.fails = 250, fails

    def answers(self):
        return {"/merged": self.stretch, "/search": self.search}

    def stretch(self, query):
        asked = dict(parse_qsl(query))
        if self.fails:
            return json.dumps({"pods": [], "lines": [], "problem": self.fails})
        if "hit" in asked:
            number = int(asked["hit"].partition(":")[2]) - 1
            return self.lines({pod: (max(0, number - 20), number + 20) for pod in (0, 1)})
        name = "before" if "before" in asked else "after"
        places = {int(pod) - 10: int(n) for pod, n in (one.split(":") for one in asked[name].split(","))}
        return self.lines(
            {p: (max(0, n - 20), n) if name == "before" else (n, n + 20) for p, n in places.items()}
        )

    def lines(self, ranges):
        pods, lines = [], []
        for pod, (first, end) in ranges.items():
            texts = self.texts[pod][first:end]
            more = first + len(texts) < len(self.texts[pod])
            pods.append(
                {"pod": 10 + pod, "first": first, "total": first + len(texts), "more": more, "error": ""}
            )
            lines += [[10 + pod, first + n, time_of(pod, first + n), text] for n, text in enumerate(texts)]
        return json.dumps({"pods": pods, "lines": sorted(lines, key=lambda line: line[2]), "problem": ""})

    def search(self, query):
        asked = dict(parse_qsl(query))
        if asked["q"] == "(":
            told = {"pod": 10, "numbers": [], "times": [], "searched_to": 0, "total": 0, "done": True}
            return json.dumps({"pods": [told | {"problem": "This is no regular expression."}], "problem": ""})
        found = []
        for one in asked["from"].split(","):
            pod, start = int(one.split(":")[0]) - 10, int(one.split(":")[1])
            texts = self.texts[pod]
            end = min(len(texts), start + self.step)
            numbers = [n for n in range(start, end) if asked["q"] in texts[n]]
            times = [time_of(pod, n) for n in numbers]
            found.append({"pod": 10 + pod, "numbers": numbers, "times": times, "searched_to": end})
            found[-1] |= {"total": len(texts), "done": end == len(texts), "problem": ""}
        return json.dumps({"pods": found, "problem": ""})


def pods(first, total, live):
    return [
        {
            "id": 10 + n,
            "topic": f"log:{10 + n}/main" if live else "",
            "page": f"/workloads/1/logs?pod={10 + n}",
        }
        | {"label": f"rank {n}", "name": f"redwood-{n}", "place": n}
        | {"first": first, "total": total, "more": total < MINUTES, "notes": {}}
        for n in range(2)
    ]


@pytest.fixture
def merged(stage):
    """`merged(server)` opens the last two lines of each pod, live; with `around` those around a line."""

    def open_merged(server=None, around=None):
        server = server or Server()
        first, total = (MINUTES - 2, MINUTES) if around is None else (around - 1, around + 1)
        told = pods(first, total, live=around is None)
        parts = [SimpleNamespace(**one, pod=SimpleNamespace(name=one["name"]), error="") for one in told]
        lines = [
            (parts[p], n, time_of(p, n), server.texts[p][n]) for n in range(first, total) for p in (0, 1)
        ]
        page = SimpleNamespace(parts=parts, lines=lines, left_out=[])
        urls = {"merged_url": "/merged?pod=all", "search_url": "/search?pod=all", "here": "pod=all"}
        place = None if around is None else 2
        html = section([], merged=page, merged_pods=told, place=place, **urls)
        opened = stage(html, answers=server.answers())
        opened.server = server
        opened.wait_for("document.querySelector('.log-row')")
        return opened

    return open_merged


def say(stage, pod, start, *lines):
    stage.say_lines(f"log:{10 + pod}/main", start, lines)


def row(stage, text):
    return stage.page.get_by_text(text, exact=True)


def scroll_until(stage, top, text):
    """To `top`, again and again: what is loaded meanwhile comes before or after what is in sight."""
    stage.wait_for(
        "text => { const w = document.querySelector('.log-window');"
        f" if (w.scrollTop !== {top}) w.scrollTop = {top};"
        " return [...w.querySelectorAll('.log-row')].some(row => row.lastChild.textContent === text); }",
        text,
    )


def find(stage, words):
    stage.page.get_by_label("Find in the log").fill(words)


def found(stage):
    return stage.page.locator("[data-log=found]")


def test_the_lines_of_all_pods_stand_in_the_order_of_their_times(merged):
    stage = merged()
    say(stage, 1, MINUTES, ("2026-01-03T03:04:09Z", "late"))
    say(stage, 0, MINUTES, ("2026-01-03T03:04:05.5Z", "half"), ("2026-01-03T03:04:05.50001Z", "soon after"))
    row(stage, "soon after").wait_for()
    assert shown(stage)[-3:] == ["half", "soon after", "late"]
    who = stage.page.locator(".log-row .log-who")
    expect(who).to_have_text([f"rank {n}" for n in (0, 1, 0, 1, 0, 0, 1)])
    expect(who.last).to_have_attribute("title", "redwood-1")
    number = stage.page.locator(".log-row > a").last
    expect(number).to_have_attribute("href", f"/workloads/1/logs?pod=11&line={MINUTES + 1}#L{MINUTES + 1}")


def test_the_merged_log_ends_when_every_pod_has_ended(merged):
    stage = merged()
    stage.say(topic="log:10/main", end=True, why="The container has ended.")
    say(stage, 1, MINUTES, ("2026-01-03T03:04:09Z", "goes on"))
    row(stage, "goes on").wait_for()
    expect(stage.page.locator(".state-pill")).to_have_text("following")
    stage.say(topic="log:11/main", end=True, why="The container has ended.")
    expect(stage.page.locator(".state-pill")).to_have_text("ended")


def test_a_search_reads_all_of_all_logs_and_steps_in_the_order_of_times(merged):
    stage = merged(Server({(0, 100), (1, 100), (1, 40), (0, 599)}))
    find(stage, "needle")
    expect(found(stage)).to_have_text("4 of 4")
    row(stage, "needle 0/599").wait_for()
    for place, text in ((1, "1/40"), (2, "0/100"), (3, "1/100"), (4, "0/599")):
        stage.page.get_by_label("Find in the log").press("Enter")
        expect(found(stage)).to_have_text(f"{place} of 4")
        expect(stage.page.locator(".log-row[data-current]")).to_contain_text(f"needle {text}")
    stage.page.get_by_label("Find in the log").press("Shift+Enter")
    expect(found(stage)).to_have_text("3 of 4")
    assert next(one for one in stage.asked if one.startswith("/search")).endswith("from=10%3A0%2C11%3A0")


def test_a_search_says_how_far_it_is(merged):
    stage = merged(Server({(0, 100)}))
    told = """() => { const found = document.querySelector("[data-log=found]"); window.told = [];
      new MutationObserver(() => told.push(found.textContent)).observe(found, { childList: true }) }"""
    stage.page.evaluate(told)
    find(stage, "needle")
    expect(found(stage)).to_have_text("1 of 1")
    assert "1, searched 500 of 1,200 lines" in stage.page.evaluate("told")


def test_a_match_that_is_not_loaded_is_opened_where_it_is_while_the_end_goes_on(merged):
    stage = merged(Server({(1, 40)}))
    find(stage, "needle")
    row(stage, "needle 1/40").wait_for()
    assert stage.page.url.endswith("&hit=11:41")
    say(stage, 0, MINUTES, ("2026-01-03T03:04:05Z", "written meanwhile"))
    stage.page.get_by_role("button", name="Jump to live").click()
    row(stage, "written meanwhile").wait_for()
    assert "hit=" not in stage.page.url
    assert row(stage, "needle 1/40").count() == 0


def test_lines_before_and_after_a_match_are_loaded_on_demand(merged):
    stage = merged(Server({(0, 100)}))
    find(stage, "needle")
    row(stage, "needle 0/100").wait_for()
    stage.page.get_by_role("button", name="Load later lines").click()
    scroll_until(stage, "w.scrollHeight", "line 1/139")
    stage.page.get_by_role("button", name="Load earlier lines").click()
    scroll_until(stage, "0", "line 0/60")
    texts = shown(stage)
    assert texts[:4] == ["line 0/60", "line 1/60", "line 0/61", "line 1/61"]


def test_a_page_opened_at_a_line_marks_it_and_leads_to_the_newest(merged):
    stage = merged(around=300)
    expect(stage.page.locator("[data-target]")).to_contain_text("line 0/300")
    stage.page.get_by_role("button", name="Jump to the end").click()
    stage.until(lambda: "/workloads/1/logs?pod=all" in stage.asked)


def test_an_expression_is_searched_for_and_a_bad_one_is_said(merged):
    stage = merged()
    stage.page.get_by_role("button", name="Regular expression").click()
    find(stage, "(")
    stage.page.get_by_role("alert").get_by_text("This is no regular expression.").wait_for()
    expect(stage.page.get_by_label("Find in the log")).to_have_attribute("aria-invalid", "true")
    find(stage, "1/59")
    expect(found(stage)).to_have_text("11 of 11")
    expect(stage.page.locator(".log-row mark").last).to_have_text("line 1/599")


def test_new_lines_are_searched_too(merged):
    stage = merged(Server({(0, 599)}))
    find(stage, "needle")
    expect(found(stage)).to_have_text("1 of 1")
    stage.server.texts[1].append("needle too")
    say(stage, 1, MINUTES, (time_of(1, MINUTES), "needle too"))
    expect(found(stage)).to_have_text("1 of 2")


def test_of_too_many_matches_the_first_are_counted_without_a_gap(merged):
    server = Server()
    server.texts = {0: ["needle"] * 30_000, 1: ["needle"] * 1_000 + ["line"] * 1_000}
    server.step = 5_000
    stage = merged(server)
    find(stage, "needle")
    expect(found(stage)).to_have_text("1,200 of 21,000+")


def test_a_match_that_cannot_be_opened_is_said(merged):
    stage = merged(Server({(1, 40)}, fails="no"))
    find(stage, "needle")
    stage.page.get_by_text("This match could not be opened").wait_for()
