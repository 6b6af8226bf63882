"""The panel of saved views, in a browser: finding, walking by keys, unfolding, staying inside the window."""

from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from runyard.tenancy.models import Project, SavedView, User
from tests.journeys.browser import assert_accessible
from tests.kit.scripts.test_table_choices import drawn

ADA = User(pk=1, username="ada", first_name="Ada", last_name="Lovell")
RED = Project(pk=1, name="red", namespace="red")
NAMES = ["Failed ones", "<script>alert(1)</script>", "עבודות שנכשלו", "Night runs", "x" * 80]


def view(pk, name, project=None):
    return SavedView(pk=pk, name=name, owner=ADA, project=project, is_default=pk == 99)


def shelf(many):
    own = [view(pk, name) for pk, name in enumerate(NAMES * (3 if many else 1), 1)]
    shared = [view(90, "Team", RED), view(99, "Everything that waits", RED)]
    return SimpleNamespace(
        views=[*own, *shared],
        groups=[("Mine", own), ("Shared with red", shared)],
        more=False,
        current=shared[1],
        name=shared[1].name,
        changed=True,
        address="q=x",
        shareable=[RED],
        why_fixed="",
        may_share=True,
        may_set_default=True,
    )


@pytest.fixture
def panel(stage):
    """`panel()`: the opened panel in its page; with `many`, of views enough to need a search."""

    def opened(many=False):
        offered = shelf(many)
        body = (
            '<main><h1>Workloads</h1><section><div class="bar">'
            + drawn("kit/views.html", "views_button", offered)
            + "</div>"
            + drawn("kit/views.html", "views_panel", offered, "/page", "")
            + "</section></main>"
        )
        page = stage(body, styles=("tokens", "base", "table")).page
        page.get_by_role("button", name="Views: Everything that waits, changed").click()
        page.locator("#views :focus").wait_for()
        return page

    return opened


def test_it_opens_at_the_view_that_is_shown_and_arrows_walk(panel):
    page = panel()
    focused = page.locator("#views a:focus")
    expect(focused).to_have_attribute("href", "?view=99")
    page.keyboard.press("ArrowUp")
    expect(focused).to_have_text("Team")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(focused).to_have_text("Night runs")
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    expect(focused).to_have_text("All workloads")
    page.keyboard.press("Escape")
    expect(page.locator("#views")).to_be_hidden()


def test_a_view_is_found_by_its_name(panel):
    page = panel(many=True)
    find = page.get_by_label("Find a view")
    find.fill("NIGHT")
    expect(page.locator(".views-list a:visible")).to_have_text(["Night runs"] * 3)
    expect(page.get_by_role("heading", name="Shared with red")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#views a:focus")).to_have_text("Night runs")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#views :focus")).to_have_attribute("aria-label", "Find a view")
    find.fill("no such")
    expect(page.get_by_text("No view has that name")).to_be_visible()


def test_names_are_text(panel):
    page = panel()
    assert page.get_by_role("link", name="<script>alert(1)</script>").is_visible()
    assert page.evaluate("document.querySelectorAll('#views script').length") == 0


@pytest.mark.parametrize(("width", "height"), [(1440, 500), (390, 844)])
def test_all_of_it_unfolded_stays_in_the_window_and_passes_axe(panel, width, height):
    page = panel(many=True)
    page.evaluate("document.title = 'Workloads'")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": width, "height": height})
    page.locator("[popovertarget=views]").click()
    for words, field in (("Save as a new view", "Name of the new view"), ("Change “", "Name of the view")):
        page.locator("summary", has_text=words).click()
        page.get_by_label(field, exact=True).and_(page.locator(":focus")).wait_for()
    page.wait_for_function(
        "(() => { const box = document.getElementById('views').getBoundingClientRect();"
        " return box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight; })()"
    )
    assert page.evaluate(
        "document.getElementById('views').scrollWidth <= document.getElementById('views').clientWidth"
    )
    page.get_by_role("button", name="Delete").scroll_into_view_if_needed()
    assert page.get_by_role("button", name="Delete").is_visible()
    assert_accessible(page)


def test_what_was_dragged_meanwhile_is_offered_when_it_opens(panel):
    page = panel()
    page.evaluate("window.htmx = { process: (part) => { window.processed = part.id } }")
    page.keyboard.press("Escape")
    page.evaluate("history.replaceState(null, '', '/page?widths=name:300')")
    page.locator("#views form.views-changed").evaluate("(form) => form.remove()")
    page.locator("[popovertarget=views]").click()
    page.wait_for_function("window.processed === 'views'")
    expect(page.locator("#views form.views-changed")).to_be_visible()
