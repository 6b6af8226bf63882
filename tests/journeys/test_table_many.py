"""All that match, more than the browser holds: selected, one left out, deleted in the background."""

import pytest
from kubernetes.client import BatchV1Api
from kubernetes.config import new_client_from_config
from playwright.sync_api import Page, expect

from runyardctl.poll import until
from tests.journeys.browser import NARROW, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import LATER, live
from tests.product import Api, Up

STOPPED = "/workloads/?phase=Stopped&q=queue&sort=name"


@pytest.fixture(scope="module")
def jobs(product: Up, api: Api) -> BatchV1Api:
    """A hundred and twenty Jobs that somebody else has made, suspended: nothing of them runs."""
    batch = BatchV1Api(new_client_from_config(str(product.home / "cluster" / "kubeconfig")))
    container = {"name": "main", "image": "python", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    for number in range(120):
        metadata = {"name": f"queue-{number:03}"}
        body = {"metadata": metadata, "spec": {"suspend": True, "template": template}}
        batch.create_namespaced_job("default", body)
    found = "/workloads?phase=Stopped&search=queue&count=exact"
    assert until(lambda: api.call("GET", found).json()["total"] == 120, 60), "not all came to the table"
    return batch


def test_all_that_match_but_one_are_deleted(signed_in: Page, jobs: BatchV1Api):
    signed_in.goto(STOPPED)
    live(signed_in)
    signed_in.get_by_label("Select all on this page").click()
    signed_in.get_by_role("button", name="Select all 120 that match").click()
    count = signed_in.locator("[data-count]")
    expect(count).to_have_text("120 selected")
    assert_accessible(signed_in)

    kept = signed_in.locator("tr[data-row]").first.get_by_role("rowheader").inner_text()
    signed_in.get_by_label(f"Select {kept}", exact=True).uncheck()
    expect(count).to_have_text("119 selected")
    signed_in.locator("#bulk").get_by_role("button", name="Delete").click()
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Delete 119 workloads?")
    assert_accessible(signed_in)
    dialog.get_by_label("type delete to go on").fill("delete")
    dialog.get_by_role("button", name="Delete 119").click()

    card = signed_in.locator(".toast.bulk")
    expect(card).to_contain_text("Deleting 119 workloads", timeout=LATER)
    assert_accessible(signed_in)
    expect(signed_in.locator("tr[data-row]")).to_have_count(1, timeout=LATER)
    expect(signed_in.locator("tr[data-row]").get_by_role("rowheader")).to_have_text(kept)
    expect(signed_in.locator("#bulk")).to_be_hidden()
    assert until(lambda: _names(jobs) == [kept], 120), _names(jobs)


def _names(jobs: BatchV1Api) -> list[str]:
    """Of those that are still on the cluster."""
    names = [job.metadata.name for job in jobs.list_namespaced_job("default").items]
    return [name for name in names if name.startswith("queue-")]


def test_its_page_says_what_came_of_it(signed_in: Page, jobs: BatchV1Api):
    signed_in.goto("/workloads/bulk/1")
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Deleting")
    assert_accessible(signed_in)
    signed_in.set_viewport_size(NARROW)
    assert_no_sideways_scroll(signed_in)
