"""A Valkey that is full takes no task: what people ask is kept in its row, and done once there is room."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page, expect

from runyardctl.valkey import Valkey
from tests.journeys.pages import LATER, counting, expect_status, live, row
from tests.journeys.test_kills import RECOVERS, pids
from tests.product import Api, Up


@pytest.fixture
def valkey(product: Up) -> Iterator[redis.Redis]:
    """The product's own, for its administrator."""
    with redis.Redis(unix_socket_path=str(Valkey(product.home).socket)) as client:
        yield client


@contextmanager
def full(valkey: redis.Redis) -> Iterator[None]:
    """It may have less memory than it holds: what somebody gives back makes no room."""
    before = valkey.config_get("maxmemory")["maxmemory"]
    valkey.config_set("maxmemory", 1)
    try:
        yield
    finally:
        valkey.config_set("maxmemory", before)


def test_what_is_asked_while_it_is_full_waits_in_its_row_and_is_done_once(
    product: Up, api: Api, signed_in: Page, valkey: redis.Redis, tmp_path: Path
):
    """Nobody is refused, no process ends, pages stay live; the log says what is the matter."""
    table, died = signed_in, product.text.count("died")
    running = api.submit("full-stopped", counting(tmp_path / "stopped"))
    api.wait(running, "Running")
    live(table)
    with full(valkey):
        api.act(running, "stop")
        later = api.submit("full-later", counting(tmp_path / "later"))
        expect(row(table, "full-later")).to_be_visible(timeout=LATER)  # hints pass: they take no room
        product.wait_for("command not allowed when used memory > 'maxmemory'")
        assert (api.read(running)["phase"], api.read(later)["phase"]) == ("Stopping", "Creating")
        live(table)
    expect_status(table, "full-stopped", "Stopped")
    expect_status(table, "full-later", "Running")
    api.insist(lambda: pids(tmp_path / "later"), RECOVERS, "its start")
    assert len(pids(tmp_path / "later")) == len(pids(tmp_path / "stopped")) == 1
    assert api.phases(running).count("Stopped") == 1
    assert product.text.count("died") == died
    for pk in (running, later):
        api.delete(pk)
