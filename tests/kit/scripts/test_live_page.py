"""A page that keeps itself true: what it has of the workload goes on when its tab's address is wrong."""

import pytest
from playwright.sync_api import expect

# What waits are begun from now on, in milliseconds.
WAITS = """() => {
  const begin = window.setTimeout;
  window.waits = [];
  window.setTimeout = (work, wait) => (window.waits.push(wait), begin(work, wait));
}"""
TRY_AGAIN = 5000


def body(phase):
    head = f'<div id="head" data-live><span class="now"><span class="phase">{phase}</span></span></div>'
    return f'<main><div data-behaviour="live-page" data-topic="workload:7">{head}</div></main>'


@pytest.fixture
def opened(stage):
    one = stage(body("Pending"))
    one.page.evaluate("window.htmx = { process() {} }")
    one.until(lambda: one.asked.count("/page") == 2)  # once it is subscribed
    return one


def hint(opened, answer):
    """The answer to what is fetched for a hint."""
    opened.page.evaluate(WAITS)
    opened.answers["/page"] = answer
    asked = opened.asked.count("/page")
    opened.say(topic="workload:7", hint=2)
    opened.until(lambda: opened.asked.count("/page") > asked)


@pytest.mark.parametrize("status", [400, 404])
def test_a_page_whose_address_is_wrong_is_kept_true_and_not_asked_for_over_and_over(opened, status):
    hint(opened, (status, body("Running")))
    expect(opened.page.locator(".phase")).to_have_text("Running")
    assert TRY_AGAIN not in opened.page.evaluate("waits")


def test_a_server_that_fails_is_asked_again(opened):
    hint(opened, (500, body("Nonsense")))
    opened.wait_for(f"() => waits.includes({TRY_AGAIN})")
    expect(opened.page.locator(".phase")).to_have_text("Pending")


def test_a_page_that_is_there_no_more_leaves_what_was_known(opened):
    hint(opened, (404, "<main><h1>Not found</h1></main>"))
    hint(opened, body("Running"))
    expect(opened.page.locator(".phase")).to_have_text("Running")
