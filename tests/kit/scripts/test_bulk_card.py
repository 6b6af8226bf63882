"""The card of a bulk action: dismissed it is gone, and the server is told not to show it again."""

import pytest

CARD = (
    '<div class="toast bulk" id="bulk-{pk}" data-level="running" data-behaviour="bulk-progress"'
    ' data-url="/card/{pk}" data-running><div><div data-part="words"><p>Stopping 1 of 300</p></div></div>'
    '<button type="button" data-action="dismiss" aria-label="Dismiss {pk}">×</button></div>'
)


@pytest.fixture
def cards(stage):
    """Three of them, of which the server says nothing new."""
    bodies = {f"/card/{pk}": CARD.format(pk=pk) for pk in (7, 12, 30)}
    toasts = f'<div id="toasts" class="toasts" data-behaviour="toasts">{"".join(bodies.values())}</div>'
    return stage(toasts, styles=("tokens", "base"), answers=bodies)


def test_those_dismissed_are_noted_for_the_next_page(cards):
    cards.page.context.add_cookies([{"name": "theme", "value": "7.8", "url": "http://runyard.test"}])
    for pk in (12, 7):
        cards.page.get_by_label(f"Dismiss {pk}", exact=True).click()
        cards.page.locator(f"#bulk-{pk}").wait_for(state="detached")
    kept = {cookie["name"]: cookie for cookie in cards.page.context.cookies()}["runyard_dismissed_bulks"]
    assert (kept["value"], kept["path"]) == ("12.7", "/")
    assert cards.page.locator(".toast.bulk").count() == 1
    cards.until(lambda: cards.asked.count("/card/30") > 1)  # the other goes on
