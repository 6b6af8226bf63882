"""The running product and a browser for the journeys.

Both run once for this folder and end with its last test: the browser holds the main thread's event loop,
which other tests need for themselves.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.browser import Session, chromium
from tests.product import Api, Up, running


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`runyard up` in a new folder."""
    with running(tmp_path_factory.mktemp("journey") / "home") as up:
        yield up


@pytest.fixture(scope="package")
def password(product: Up) -> str:
    """The administrator's, which the first start shows once."""
    return product.shown("Password")


@pytest.fixture(scope="package")
def api(product: Up, password: str) -> Iterator[Api]:
    client = Api(product.url, "admin", password)
    yield client
    client.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def session(product: Up, browser: Browser) -> Iterator[Session]:
    """One browser for the module's whole story; what it is signed in to stays."""
    opened = Session(browser, product.url)
    yield opened
    opened.close()


@pytest.fixture
def page(session: Session) -> Iterator[Page]:
    """A page of the story; errors in its console fail the test."""
    opened = session.page()
    yield opened
    opened.close()
    session.check()


@pytest.fixture
def signed_in(page: Page, password: str) -> Page:
    """The page, signed in by name and password where it is not yet, at the table of workloads."""
    page.goto("/workloads/")
    if page.get_by_label("Password").count():
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/workloads/")
    return page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With a failure, the end of every log of the product; what the test made goes, as it may run again."""
    report = yield
    if report.failed and (up := item.funcargs.get("product")) is not None:
        report.sections.append(("The product's logs", up.tails()))
        if call.when == "call":
            _delete_made_since(datetime.fromtimestamp(call.start, UTC), up)
    return report


def _delete_made_since(moment: datetime, up: Up) -> None:
    with (
        suppress(httpx.HTTPError, AssertionError),
        closing(Api(up.url, "admin", up.shown("Password"))) as api,
    ):
        for row in api.call("GET", "/workloads").json()["workloads"]:
            if datetime.fromisoformat(row["created_at"]) > moment:
                api.delete(row["id"])
                api.insist(lambda pk=row["id"]: api.read(pk)["deleted_at"], 60, "it to be gone")
