"""Widths of columns: by pointer, by keys and by double-click; kept once, when one has finished."""

import re
from math import floor

import pytest
from django.http import QueryDict

from runyard.kit import cells
from runyard.kit.layout import Layout
from runyard.kit.sorting import Sort
from runyard.kit.tables import Page
from tests.kit.scripts.test_table_choices import drawn
from workloads.tables import WorkloadTable

COLUMNS = WorkloadTable.columns
LONG = "a-name-that-is-much-longer-than-its-column-is-wide-0001"


def body(columns="status,gpus", widths=None, cell="Running"):
    layout = Layout.read(COLUMNS, columns, {"widths": widths or {}})
    page = Page(Sort.read("age", COLUMNS), layout)
    row = (
        f'<tr data-row="1"><td class="pick"></td><th class="first">{LONG}</th><td>{cell}</td><td>8</td></tr>'
    )
    return (
        "<main><section>"
        + drawn("kit/columns.html", "columns_popup", WorkloadTable, layout, "/page", "")
        + f'<div class="grid" data-behaviour="column-widths"><table{" data-exact" if widths else ""}>'
        + drawn("kit/table.html", "columns", layout)
        + drawn("kit/table.html", "head", page, QueryDict())
        + f"<tbody>{row}</tbody></table></div></section></main>"
    )


@pytest.fixture
def widths(stage):
    """`widths(columns, widths)` opens the table; what is posted is in `posted`, each as a list of pairs."""

    def open_table(**choice):
        opened = stage(body(**choice), styles=("tokens", "base", "table"))
        opened.posted = []

        def keep(route):
            pairs = re.findall(r'name="(\w+)"\r\n\r\n(.*)\r\n', route.request.post_data)
            opened.posted.append(pairs)
            route.fulfill(status=200)

        opened.page.route("**/workloads/columns", keep)
        return opened

    return open_table


def width(table, key):
    """In whole pixels; a half goes up, as it does in scripts, and not to the next even number."""
    return floor(table.page.locator(f"th[data-column={key}]").bounding_box()["width"] + 0.5)


def edge(table, label):
    return table.page.get_by_role("separator", name=f"Width of {label}", exact=True)


def drag(table, label, by):
    box = edge(table, label).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    table.page.mouse.move(x, y)
    table.page.mouse.down()
    table.page.mouse.move(x + by, y, steps=6)
    table.page.mouse.up()


def posted(table):
    table.until(lambda: table.posted)
    return dict(pair[1].split(":") for pair in table.posted[-1] if pair[0] == "width")


def test_a_drag_moves_one_edge_and_is_kept_once(widths):
    table = widths()
    before = {key: width(table, key) for key in ("name", "status", "gpus")}
    drag(table, "Status", 60)
    now = {key: width(table, key) for key in before}
    assert now == {**before, "status": before["status"] + 60}
    assert posted(table) == {key: str(value) for key, value in now.items()}
    assert not [pair for pair in table.posted[0] if pair[0] == "column"]
    table.page.wait_for_timeout(100)
    assert len(table.posted) == 1
    assert edge(table, "Status").get_attribute("aria-valuenow") == str(now["status"])
    assert table.page.url.endswith("/page"), "a click on the edge does not sort"


def test_no_column_leaves_its_bounds(widths):
    table = widths()
    drag(table, "Status", -900)
    assert width(table, "status") == 40
    drag(table, "GPUs", 900)
    assert width(table, "gpus") == 800


def test_the_arrow_keys_move_an_edge_and_what_is_not_shown_keeps_its_width(widths):
    table = widths(widths={"status": 200, "image": 333})
    edge(table, "Status").focus()
    pressed = """(keys) => { for (const key of keys)
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })) }"""
    table.page.evaluate(pressed, ["ArrowRight", "ArrowRight", "ArrowLeft"])  # in one moment, on any machine
    assert width(table, "status") == 208
    assert posted(table)["image"] == "333"
    assert posted(table)["status"] == "208"
    assert len(table.posted) == 1


def test_a_double_click_fits_what_is_in_the_column(widths):
    table = widths()
    cut = "cell => cell.scrollWidth > cell.clientWidth"
    assert table.page.locator("th.first").last.evaluate(cut)
    edge(table, "Name").dblclick()
    assert int(posted(table)["name"]) == width(table, "name") < 600
    assert not table.page.locator("th.first").last.evaluate(cut)


def test_a_long_name_is_cut_off_and_how_many_more_there_are_is_not(widths):
    table = widths(cell=cells.several([f"node-{LONG}", *"abcdefg"]), widths={"status": 100})
    cell = table.page.locator("td .several")
    box, column = cell.bounding_box(), table.page.locator("td:has(.several)").bounding_box()
    assert box["width"] < column["width"] == 100
    assert cell.evaluate("one => one.lastChild.textContent.trim()") == "+7"
    assert cell.evaluate("""one => {
      const count = document.createRange();
      count.selectNode(one.lastChild);
      return count.getBoundingClientRect().right <= one.closest("td").getBoundingClientRect().right;
    }""")
    cut = "one => one.firstChild.scrollWidth > one.firstChild.clientWidth"
    assert cell.evaluate(cut)
    edge(table, "Status").dblclick()
    assert int(posted(table)["status"]) == width(table, "status") > 300
    assert not cell.evaluate(cut)


def test_at_a_saved_view_the_width_goes_into_the_address(widths):
    table = widths()
    table.page.evaluate("history.replaceState(null, '', '/page?view=7&sort=name')")
    drag(table, "Status", 30)
    table.page.wait_for_url("**widths=**")
    assert "view=7&sort=name" in table.page.url
    assert table.posted == []


def test_a_width_that_was_not_kept_is_said(widths):
    table = widths()
    table.page.unroute("**/workloads/columns")
    table.page.route("**/workloads/columns", lambda route: route.abort())
    table.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div id=toasts></div>')")
    drag(table, "Status", 30)
    table.page.get_by_text("The width was not kept").wait_for()
