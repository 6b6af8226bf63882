"""axe on what one sees only sometimes: refusals, pages without rows, and whatever opens over a page."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.browser import NARROW, Session, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import live, python, row
from tests.product import Api, Up

REFUSED = re.compile(r"status of 4\d\d")


@pytest.fixture
def stranger(browser: Browser, product: Up) -> Iterator[Page]:
    """The browser of somebody who is not signed in."""
    session = Session(browser, product.url)
    yield session.page()
    session.forgive(REFUSED)
    session.check()
    session.close()


def manage(product: Up, *words: str) -> str:
    """What `runyard manage` says beside the running product."""
    command = [sys.executable, "-m", "runyardctl", "manage", *words]
    return subprocess.run(command, env=product.env, check=True, capture_output=True, text=True).stdout


def test_a_wrong_password_and_a_person_of_no_project(stranger: Page, product: Up):
    password = re.search(r"Password  (\S+)", manage(product, "person", "lone"))[1]
    stranger.goto("/workloads/")
    for typed in ("not this one", password):
        stranger.get_by_label("Name").fill("lone")
        stranger.get_by_label("Password").fill(typed)
        stranger.get_by_role("button", name="Sign in").click()
        if typed != password:
            expect(stranger.get_by_role("alert")).to_contain_text("do not match")
            assert_accessible(stranger)
    for address, words in (
        ("/workloads/", "You belong to no project yet"),
        ("/overview/", "You belong to no project yet"),
        ("/workloads/new", "There is no project you may submit to"),
        ("/workloads/1/", "There is no such page"),
    ):
        stranger.goto(address)
        expect(stranger.get_by_role("heading", name=words)).to_be_visible()
        assert_accessible(stranger)


def test_what_opens_over_the_table_and_its_refusals_on_a_telephone(
    signed_in: Page, session: Session, api: Api
):
    pk = api.submit("opens-over", python("pass"))
    api.wait(pk, "Completed")
    signed_in.set_viewport_size(NARROW)
    signed_in.goto("/workloads/?q=opens-over")
    live(signed_in)
    signed_in.locator("summary.who").click()
    expect(signed_in.get_by_role("button", name="Sign out")).to_be_visible()
    assert_accessible(signed_in)
    signed_in.keyboard.press("Escape")
    row(signed_in, "opens-over").get_by_label("Actions on opens-over").click()
    expect(signed_in.get_by_role("menuitem", name="Open", exact=True)).to_be_focused()
    assert_accessible(signed_in)
    signed_in.keyboard.press("Escape")
    for address, words in (
        ("/workloads/?after=zzz", "This address asks for something the table does not have"),
        ("/workloads/?q=nothing-has-this-name", "No workload matches"),
        (f"/workloads/{pk}/pods?f=nonsense", "This address asks for something the table does not have"),
        (f"/workloads/{pk}/yaml", "opens-over"),
        ("/projects/default/settings", "Settings of default"),
    ):
        signed_in.goto(address)
        live(signed_in)
        expect(signed_in.get_by_role("heading", name=words)).to_be_visible()
        assert_accessible(signed_in)
        assert_no_sideways_scroll(signed_in)
    api.delete(pk)
    session.forgive(REFUSED)
