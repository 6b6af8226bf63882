"""A Valkey that is full takes no task: what people ask is kept in its row, and done once there is room."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page, expect

from runyardctl.valkey import Valkey
from tests.full import full
from tests.journeys.browser import assert_accessible
from tests.journeys.pages import LATER, counting, expect_status, live, row
from tests.journeys.test_kills import RECOVERS, pids
from tests.product import Api, Up


@pytest.fixture
def valkey(product: Up) -> Iterator[redis.Redis]:
    """The product's own, for its administrator."""
    with redis.Redis(unix_socket_path=str(Valkey(product.home).socket)) as client:
        yield client


def doctor(product: Up) -> str:
    command = [sys.executable, "-m", "runyardctl", "doctor"]
    return subprocess.run(command, env=product.env, check=False, capture_output=True, text=True).stdout


def test_what_is_asked_while_it_is_full_waits_in_its_row_and_is_done_once(
    product: Up, api: Api, signed_in: Page, valkey: redis.Redis, tmp_path: Path
):
    """Nobody is refused, no process ends, pages stay live; pages, log and doctor say what is the matter."""
    table, died = signed_in, product.text.count("died")
    badge = table.locator(".status .live")
    running = api.submit("full-stopped", counting(tmp_path / "stopped"))
    api.wait(running, "Running")
    live(table)
    with full(valkey):
        api.act(running, "stop")
        later = api.submit("full-later", counting(tmp_path / "later"))
        expect(row(table, "full-later")).to_be_visible(timeout=LATER)  # hints pass: they take no room
        product.wait_for("command not allowed when used memory > 'maxmemory'")
        assert (api.read(running)["phase"], api.read(later)["phase"]) == ("Stopping", "Creating")
        expect(badge).to_have_text("Live, actions wait", timeout=LATER)
        expect(badge).to_have_attribute("title", re.compile("Redis is full: .* Give it more maxmemory"))
        assert_accessible(table)
        assert "PROBLEM  tasks: Redis is full: " in doctor(product)
    live(table)
    assert "ok       tasks: Redis takes them." in doctor(product)
    expect_status(table, "full-stopped", "Stopped")
    expect_status(table, "full-later", "Running")
    api.insist(lambda: pids(tmp_path / "later"), RECOVERS, "its start")
    assert len(pids(tmp_path / "later")) == len(pids(tmp_path / "stopped")) == 1
    assert api.phases(running).count("Stopped") == 1
    assert product.text.count("died") == died
    for pk in (running, later):
        api.delete(pk)
