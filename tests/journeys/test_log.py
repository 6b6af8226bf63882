"""The log of a workload: paused, searched, downloaded; and a hostile one, which is text and nothing else."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.journeys.browser import NARROW, WIDE, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import (
    HERE,
    LATER,
    counting,
    expect_log_to_grow,
    expect_now,
    last_count,
    live,
    log_rows,
    picture,
    python,
    until,
)
from tests.product import Api, Up

HOSTILE = r"""
import sys, time
say = lambda text: (sys.stdout.write(text), sys.stdout.flush())
say("plain \x1b[1;31mred and bold\x1b[0m \x1b[38;5;208morange\x1b[0m after\n")
say("<img src=x onerror=\"document.title='taken over'\"><script>document.title='taken over'</script>\n")
say("\x1b]8;;javascript:document.title='taken over'\x07a link\x1b]8;;\x07 \x1b]0;a title\x07\n")
say("\x1b[2J\x1b[H cleared \x00 \x1b[?1049h\n")
say("x" * 2**20 + " the end of a long line\n")
for done in range(0, 101, 10): say(f"\rloading {done:3d} %")
say("\n\u202eright to left\u202c \ud83d\ude80\n".encode("utf-16", "surrogatepass").decode("utf-16"))
sys.stdout.buffer.write(b"\xff\xfe not UTF-8\n"); sys.stdout.flush()
say("the last line\n")
time.sleep(600)
"""

RANK = """
import os, sys, time
rank = os.environ["JOB_COMPLETION_INDEX"]
print(f"rank {rank} begins", flush=True)
if rank == "1": print("RuntimeError of rank 1", flush=True)
time.sleep(600)
"""


class Cluster:
    """The embedded cluster's own API: what people do beside Runyard."""

    def __init__(self, home: Path) -> None:
        known = yaml.safe_load((home / "cluster" / "kubeconfig").read_text())
        headers = {"Authorization": f"Bearer {known['users'][0]['user']['token']}"}
        self._client = httpx.Client(base_url=known["clusters"][0]["cluster"]["server"], headers=headers)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create_job(self, name: str, command: str, pods: int) -> None:
        """An indexed Job of that many pods."""
        container = {"name": "main", "image": "python:3.11", "command": shlex.split(command)}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        spec = {"completionMode": "Indexed", "parallelism": pods, "completions": pods, "template": template}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
        self._client.post("/apis/batch/v1/namespaces/default/jobs", json=job).raise_for_status()


@pytest.fixture(scope="module")
def counter(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The id of a workload that counts to its log."""
    pk = api.submit("counts", counting(Path(tmp_path_factory.mktemp("counter"), "starts")))
    api.wait(pk, "Running")
    yield pk
    api.delete(pk)


@pytest.fixture
def log(signed_in: Page, counter: int) -> Page:
    """The page with that workload's log."""
    signed_in.goto(f"/workloads/{counter}/logs")
    live(signed_in)
    return signed_in


def test_lines_appear_as_they_are_written_and_wait_while_paused(log: Page):
    expect(log.locator("[data-log=state]")).to_have_text("following")
    expect_log_to_grow(log)
    log.get_by_role("button", name="Pause").click()
    until(log, lambda: waiting(log) >= 5)
    held, waited = last_count(log), waiting(log)
    until(log, lambda: waiting(log) >= waited + 5)
    assert last_count(log) == held
    log.get_by_role("button", name="Resume").click()
    expect_log_to_grow(log)
    shown = [int(line.split("count ")[1].split()[0]) for line in log_rows(log).all_inner_texts()]
    assert shown == list(range(shown[0], shown[0] + len(shown)))


def waiting(log: Page) -> int:
    """How many lines the log says to hold back."""
    found = re.search(r"paused, ([\d,]+) lines", log.locator("[data-log=state]").inner_text())
    return int(found[1].replace(",", "")) if found else 0


def test_a_search_steps_through_its_matches(log: Page):
    expect_log_to_grow(log)
    log.keyboard.press("f")
    log.keyboard.type("count 3 of")
    expect(log.locator("[data-log=found]")).to_have_text("1 of 1")
    expect(log.locator(".log-row[data-current] mark")).to_have_text("count 3 of")
    assert_accessible(log)
    log.get_by_label("Find in the log").fill("count 2")
    expect(log.locator("[data-log=found]")).to_contain_text(" of ")
    log.get_by_label("Find in the log").fill("no such words")
    expect(log.locator("[data-log=found]")).to_have_text("none")
    log.get_by_role("button", name="Jump to live").click()
    expect(log.locator("[data-log=state]")).to_have_text("following")


def test_an_expression_finds_lines_and_a_bad_one_is_said_at_the_field(log: Page):
    expect_log_to_grow(log)
    log.get_by_label("Find in the log").fill("count 3 of")
    expect(log.locator("[data-log=found]")).to_have_text("1 of 1")  # it is written by now
    log.get_by_role("button", name="Regular expression").click()
    log.get_by_label("Find in the log").fill("count [23] of")
    expect(log.locator("[data-log=found]")).to_have_text("2 of 2")
    log.get_by_label("Find in the log").fill("count (")
    expect(log.get_by_role("alert")).to_contain_text("no regular expression")
    assert_accessible(log)


def test_a_link_to_a_line_survives_a_reload(log: Page):
    expect_log_to_grow(log)
    log.get_by_label("Find in the log").fill("count 2 of")
    number = log.locator(".log-row[data-current] a")
    address = number.get_attribute("href")
    number.click()
    expect(log).to_have_url(re.compile(f"{address}$"))
    log.reload()
    expect(log.locator(".log-row[data-target]")).to_contain_text("count 2 of")
    expect(log.locator(".log-row[data-target]")).to_be_in_viewport()


def test_the_logs_of_all_pods_are_one_and_lead_to_the_first_error(product: Up, signed_in: Page, api: Api):
    with Cluster(product.home) as cluster:
        cluster.create_job("ranks", python(RANK), pods=3)
    pk = api.insist(lambda: api.named("ranks"), 60, "the workload made at the cluster")[0]["id"]
    api.wait(pk, "Running")
    page = signed_in
    page.goto(f"/workloads/{pk}/logs?pod=all")
    for rank in range(3):
        row = log_rows(page).filter(has=page.locator(".log-who", has_text=f"rank {rank}"))
        expect(row.first).to_contain_text("begins", timeout=LATER)
    expect(page.locator("[data-log=state]")).to_have_text("following")
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_no_sideways_scroll(page)
    page.set_viewport_size(WIDE)
    page.get_by_role("link", name="First error of any pod").click()
    expect(page.locator(".log-row[data-target]")).to_contain_text("RuntimeError of rank 1")
    api.delete(pk)


def test_the_download_has_every_line(log: Page, api: Api, counter: int):
    expect_log_to_grow(log)
    with log.expect_download() as waiting:
        log.get_by_role("link", name="Download the whole log").click()
    assert waiting.value.suggested_filename.startswith("counts-")
    lines = waiting.value.path().read_text().splitlines()
    assert [line.split()[1] for line in lines] == [str(n) for n in range(len(lines))]
    assert len(lines) > 5


def test_a_hostile_log_is_text_and_nothing_else(signed_in: Page, api: Api):
    pk = api.submit("hostile", python(HOSTILE))
    page = signed_in
    page.goto(f"/workloads/{pk}/")
    expect_now(page, "Running")
    page.goto(f"/workloads/{pk}/logs")
    expect_hostile_lines(page)  # as the server drew them
    page.reload()
    expect_hostile_lines(page)
    assert page.title().startswith("hostile")
    assert page.locator(".log-window img, .log-window script, .log-window a[href^=javascript]").count() == 0
    more = page.get_by_role("button", name="show all")
    more.click()
    expect(more).to_have_count(0)
    assert_accessible(page, but=".log-row [style]")  # its colours are its own
    api.delete(pk)


def expect_hostile_lines(page: Page) -> None:
    rows = log_rows(page)
    expect(rows.last).to_contain_text("the last line", timeout=LATER)
    expect(rows.nth(0).locator(".a-bold.a-fg1")).to_have_text("red and bold")
    expect(rows.nth(1)).to_contain_text('<img src=x onerror="')
    expect(rows.nth(2)).to_contain_text("a link")
    expect(rows.nth(2)).not_to_contain_text("javascript")
    expect(rows.nth(4)).to_contain_text("xxxxxxxx")
    expect(rows.nth(5)).to_contain_text("loading 100 %")
    expect(rows.nth(5)).not_to_contain_text("loading  10 %")
    expect(rows.nth(7)).to_contain_text("not UTF-8")


def test_a_training_s_page_shows_its_loss(signed_in: Page, api: Api):
    """The example of the sample, under a name of its own: what runs, what happened, and the log of it."""
    page, path = signed_in, str(HERE.parents[1] / "examples")
    small = {"image": "python:3.12-slim", "cpu": "500m", "memory": "256Mi"}
    pk = api.submit("two-spirals", "python3 -m train", environment={"PYTHONPATH": path}, **small)
    page.goto(f"/workloads/{pk}/")
    expect_now(page, "Running")
    expect(log_rows(page).nth(12)).to_contain_text("accuracy", timeout=LATER)
    picture(page, "workload")
    api.delete(pk)
