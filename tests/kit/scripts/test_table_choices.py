"""The chooser of columns, the filter form and the second sort key, in a browser."""

from urllib.parse import parse_qsl

import pytest
from django.http import QueryDict
from django.template import engines
from playwright.sync_api import expect

from runyard.kit.columns import OPERATORS
from runyard.kit.layout import Layout
from tests.journeys.browser import assert_accessible
from workloads.tables import WorkloadTable


def drawn(template, macro, *args):
    return str(getattr(engines["jinja2"].env.get_template(template).module, macro)(*args))


def body():
    layout = Layout.read(WorkloadTable.columns, None)
    return (
        '<main><h1>Workloads</h1><section><div class="bar">'
        + drawn("kit/filter.html", "filter_button")
        + drawn("kit/columns.html", "columns_button")
        + "</div>"
        + drawn("kit/filter.html", "filter_popup", WorkloadTable, OPERATORS, QueryDict("q=x"))
        + drawn("kit/columns.html", "columns_popup", WorkloadTable, layout, "/page", "")
        + '<div class="grid" data-behaviour="sort-keys"><table><thead><tr><th>'
        '<a href="#by">GPUs</a><a href="#then" data-then hidden>as well</a></th></tr></thead></table></div>'
        "</section></main>"
    )


@pytest.fixture
def choices(stage):
    """The toolbar with its two popovers; what is posted is in `posted`, as pairs."""
    opened = stage(body(), styles=("tokens", "base", "table"))
    opened.posted = []

    def keep(route):
        parts = route.request.post_data or ""
        names = [part.split('name="')[1] for part in parts.split("------") if 'name="' in part]
        opened.posted.append([tuple(name.strip().split('"\r\n\r\n')) for name in names])
        route.fulfill(status=200)

    opened.page.route("**/workloads/columns", keep)
    opened.page.evaluate(
        "document.addEventListener('runyard:layout', () => window.drawn = (window.drawn || 0) + 1)"
    )
    opened.page.get_by_role("button", name="Columns").click()
    opened.page.get_by_label("Find a column").wait_for()
    return opened


def posted(choices, count=1):
    choices.until(lambda: len(choices.posted) >= count)
    return [pair[1] for pair in choices.posted[-1] if pair[0] == "column"]


DEFAULT = [key for key, column in WorkloadTable.columns.items() if column.default]


def test_a_tick_is_kept_and_the_table_drawn_anew(choices):
    choices.page.get_by_role("checkbox", name="Image").check()
    assert posted(choices) == [*DEFAULT, "image"]
    choices.wait_for("window.drawn === 1")
    expect(choices.page.locator("[data-said]")).to_have_text("Saved")
    shown = f"{len(DEFAULT) + 1} of {len(WorkloadTable.columns)}"
    expect(choices.page.locator("[data-shown]")).to_have_text(shown)


def test_the_order_changes_by_buttons_by_keys_and_by_dragging(choices):
    page = choices.page
    page.get_by_role("button", name="Move Kind up").click()
    assert posted(choices)[:3] == ["name", "kind", "status"]
    assert page.evaluate("document.activeElement.value") == "kind"
    page.get_by_role("button", name="Move Kind up").click()  # the name stays first
    page.get_by_role("checkbox", name="Project").press("Alt+ArrowUp")
    assert posted(choices, 2)[:4] == ["name", "kind", "project", "status"]
    grip = page.locator("li", has_text="Status").locator(".grip").bounding_box()
    onto = page.locator("li", has_text="Kind").bounding_box()
    page.mouse.move(grip["x"] + 4, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(onto["x"] + 10, onto["y"] + 10, steps=5)
    page.mouse.up()
    assert posted(choices, 3)[:4] == ["name", "status", "kind", "project"]


def test_at_a_saved_view_columns_go_into_the_address_when_the_panel_closes(choices):
    page = choices.page
    page.evaluate("history.replaceState(null, '', '/page?view=7&q=x')")
    page.get_by_role("checkbox", name="Image").check()
    page.get_by_text("Shown when you close this").wait_for()
    assert choices.posted == []
    with page.expect_request("**/workloads/columns") as request:
        page.keyboard.press("Escape")
    sent = parse_qsl(request.value.post_data)
    assert ("next", "/page?view=7&q=x") in sent
    assert [value for name, value in sent if name == "column"] == [*DEFAULT, "image"]


def test_a_column_is_found_by_its_name(choices):
    choices.page.get_by_label("Find a column").fill("sub")
    expect(choices.page.locator(".columns-panel li:visible")).to_have_count(1)
    choices.page.get_by_label("Find a column").fill("no such")
    expect(choices.page.get_by_text("No column has that name")).to_be_visible()


def test_what_was_not_kept_is_said(choices):
    choices.page.unroute("**/workloads/columns")
    choices.page.route("**/workloads/columns", lambda route: route.abort())
    choices.page.get_by_role("checkbox", name="Image").check()
    choices.page.get_by_text("Not saved; try again.").wait_for()


def test_the_filter_form_offers_what_fits_the_column(choices):
    page = choices.page
    choices.answers["/workloads/filter"] = "<title>Workloads</title>"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filter").first.click()
    form = page.locator("#filter")
    form.locator("[name=column]").select_option("memory")
    expect(form.locator("[name=operator] option")).to_have_text(["at least", "at most", "is", "is not"])
    expect(form.locator("#filter-hint")).to_contain_text("in GiB")
    form.locator("[name=column]").select_option("status")
    expect(form.locator("input[name=value]")).to_be_hidden()
    form.locator("select[name=value]").select_option("Failed")
    form.get_by_role("button", name="Add filter").click()
    page.wait_for_url("**/workloads/filter?**")
    asked = dict(parse_qsl(page.url.split("?")[1]))
    assert asked == {"q": "x", "column": "status", "operator": "==", "value": "Failed"}


def test_shift_click_and_shift_enter_follow_the_second_link(choices):
    choices.page.keyboard.press("Escape")
    link = choices.page.get_by_role("link", name="GPUs")
    link.click(modifiers=["Shift"])
    choices.page.wait_for_url("**#then")
    link.click()
    choices.page.wait_for_url("**#by")


@pytest.mark.parametrize("width", [1440, 390])
def test_both_popovers_stay_inside_the_window_and_pass_axe(choices, width):
    page = choices.page
    page.evaluate("document.title = 'Workloads'")
    page.set_viewport_size({"width": width, "height": 844})
    for name, panel in (("Columns", "#columns"), ("Filter", "#filter")):
        page.keyboard.press("Escape")
        page.get_by_role("button", name=name, exact=True).click()
        page.locator(f"{panel} :focus").wait_for()
        box = page.locator(panel).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 844
        assert_accessible(page)


def test_a_panel_takes_the_focus_and_closes_where_the_focus_goes_on(choices):
    page = choices.page
    page.keyboard.press("Escape")
    button = page.get_by_role("button", name="Filter", exact=True)
    button.press("Enter")
    expect(page.locator("#filter").get_by_label("Column")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#filter")).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    expect(page.locator("#filter").get_by_label("Column")).to_be_focused()
    page.locator("#filter").get_by_role("button", name="Add filter").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#filter")).to_be_hidden()
    assert page.evaluate("document.activeElement.closest('#filter')") is None


def test_a_panel_of_links_alone_takes_the_focus_too(stage):
    page = stage(
        '<main><button popovertarget="more" data-behaviour="popup">More</button>'
        '<div id="more" popover><a href="#one">One</a><a href="#two">Two</a></div></main>'
    ).page
    page.get_by_role("button", name="More").press("Enter")
    expect(page.get_by_role("link", name="One")).to_be_focused()


def test_a_panel_leaves_the_focus_where_a_quick_hand_has_put_it(stage):
    page = stage(
        '<main><button popovertarget="more" data-behaviour="popup">More</button>'
        '<div id="more" popover><a href="#one">One</a><a href="#two">Two</a></div></main>'
    ).page
    focused = page.evaluate("""() => new Promise((tell) => {
      const panel = document.getElementById("more");
      panel.addEventListener("toggle", () => tell(document.activeElement.textContent));
      panel.showPopover();
      panel.lastElementChild.focus();
    })""")
    assert focused == "Two"


def test_a_menu_closes_where_the_focus_goes_on_and_gives_it_back_at_escape(stage):
    page = stage(
        '<main><details data-behaviour="menu"><summary>Project</summary><a href="#red">red</a></details>'
        "<button>Next</button></main>"
    ).page
    summary, menu = page.get_by_text("Project"), page.locator("details")
    summary.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Next")).to_be_focused()
    expect(menu).not_to_have_attribute("open", "")


def test_in_a_long_menu_one_finds_by_name_and_opens_by_enter(stage):
    links = "".join(f'<a href="#team-{n}" data-label="team-{n}">team-{n}</a>' for n in range(200))
    page = stage(
        '<main><details class="menu" data-behaviour="menu"><summary>Project</summary>'
        '<div class="menu-list long"><input type="search" data-find aria-label="Find">'
        f"<p data-none hidden>None has that name.</p>{links}</div></details></main>",
        styles=("tokens", "base", "workload"),
    ).page
    page.get_by_text("Project").click()
    field = page.get_by_label("Find")
    expect(field).to_be_focused()
    assert page.locator(".menu-list").bounding_box()["y"] > page.get_by_text("Project").bounding_box()["y"]
    field.fill("no such")
    expect(page.get_by_text("None has that name.")).to_be_visible()
    for nothing in ("", " "):
        field.fill(nothing)
        expect(page.locator(".menu-list a:visible")).to_have_count(200)
        field.press("Enter")
    field.fill("TEAM-17")
    expect(page.locator(".menu-list a:visible")).to_have_count(11)
    assert page.evaluate("location.hash") == "", "nobody named a link yet"
    field.press("Enter")
    page.wait_for_url("**#team-17")


def test_a_header_is_clicked_anywhere_and_shift_selects_no_text(choices):
    header = choices.page.locator("th")
    for modifiers, address in (([], "**#by"), (["Shift"], "**#then")):
        header.click(position={"x": header.bounding_box()["width"] - 20, "y": 4}, modifiers=modifiers)
        choices.page.wait_for_url(address)
    assert choices.page.evaluate("getSelection().toString()") == ""
