"""People work in a workspace: a real JupyterLab and TensorBoard, opened from the workload's page."""

import re
import shlex
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.browser import Session, assert_accessible
from tests.journeys.pages import LATER, expect_status, live, python, until
from tests.product import Api

BIN = Path(sys.executable).parent
LAB = [str(BIN / "jupyter-lab"), "--ip=$(POD_IP)", "--port=8888", "--no-browser", "--allow-root"]
LAB += ["--ServerApp.allow_remote_access=True"]


def by_name(page: Page, name: str):
    """The link or button of a tool in the header of a workload's page."""
    return page.locator("#workload-head").get_by_text(name)


def open_tool(page: Page, name: str) -> Page:
    """Follow the link; the new page, once it has come from the waiting page to the tool's own host."""
    with page.context.expect_page() as opened:
        by_name(page, name).click()
    tool = opened.value
    tool.set_default_timeout(LATER)
    tool.wait_for_url(re.compile(r"//w\d+-\w+\.localhost"), timeout=LATER)
    return tool


def test_a_notebook_cell_runs_in_a_workspace_made_with_the_form(signed_in: Page, session: Session, api: Api):
    page = signed_in
    page.goto("/workloads/new")
    live(page)
    page.get_by_text("Workspace", exact=True).click()
    page.locator("[name=name]").fill("notebook")
    page.locator("[name=tool-kind]").select_option("jupyter")
    page.locator("[name=command]").fill(shlex.join(LAB))
    page.locator("[name=cpu]").fill("10m")
    expect(page.locator("#side")).to_contain_text("Jupyter on port 8888", timeout=LATER)
    assert_accessible(page)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/workloads/\d+/"))
    pk = int(page.url.rstrip("/").rpartition("/")[2])

    tool = open_tool(page, "Jupyter")
    tool.locator(".jp-LauncherCard[data-category=Notebook]").first.click()
    idle = tool.get_by_role("button", name="Python 3 (ipykernel) | Idle")
    idle.wait_for()  # what is typed before may be lost
    cell = tool.locator(".jp-Notebook .cm-content").first
    cell.click()
    tool.keyboard.insert_text("# " + "x" * 100_000 + "\nprint(6 * 7)")  # as long as what people paste
    expect(cell).to_contain_text("print(6 * 7)")
    tool.keyboard.press("Shift+Enter")
    expect(tool.locator(".jp-OutputArea-output").first).to_have_text(re.compile("42"), timeout=LATER)
    names = {cookie["name"] for cookie in tool.context.cookies(tool.url)}
    assert "runyard_session" not in names
    expect(by_name(page, "Jupyter")).to_have_class(re.compile("prime"), timeout=LATER)

    api.call("POST", f"/workloads/{pk}/stop")
    expect(page.locator("#workload-head")).to_contain_text("Stopped", timeout=LATER)
    expect(by_name(page, "Jupyter")).to_have_attribute("aria-disabled", "true")
    tool.goto(tool.url)
    expect(tool.get_by_role("heading")).to_have_text("Jupyter cannot be opened", timeout=LATER)
    assert_accessible(tool)
    tool.close()
    session.forgive(re.compile(r"w\d+-jupyter\.localhost|/connect/jupyter"))


def test_two_tools_of_one_workspace_are_strangers_to_each_other(signed_in: Page, session: Session, api: Api):
    code = (
        "import http.server, os, subprocess, sys;"
        f"subprocess.Popen([sys.executable, {str(BIN / 'tensorboard')!r}, '--host', os.environ['POD_IP'],"
        "'--port', '6006', '--logdir', '.']);"
        "open('index.html', 'w').write('<title>mine</title><h1>mine</h1>');"
        "http.server.ThreadingHTTPServer((os.environ['POD_IP'], 8000),"
        "http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    tools = [{"kind": "tensorboard"}, {"kind": "custom", "name": "files"}]
    pk = api.submit("boards", python(code), kind="workspace", tools=tools, memory="1Gi")
    page = signed_in
    page.goto("/workloads/")
    expect_status(page, "boards", "Running")
    page.goto(f"/workloads/{pk}/")
    live(page)
    files = open_tool(page, "files")
    expect(files.get_by_role("heading")).to_have_text("mine", timeout=LATER)
    board = open_tool(page, "TensorBoard")
    expect(board.locator("tf-dashboard, tb-webapp, tf-tensorboard").first).to_be_attached(timeout=LATER)
    other = board.url.split("?")[0].split("#")[0]
    answer = files.evaluate(
        "url => fetch(url, {credentials: 'include', mode: 'no-cors'}).then(a => a.type, () => 'refused')",
        other,
    )
    assert answer in ("opaque", "refused")
    assert files.evaluate("url => fetch(url).then(() => 'read', () => 'refused')", other) == "refused"
    api.call("DELETE", f"/workloads/{pk}")
    until(page, lambda: not api.named("boards"))
    for one in (files, board):
        one.close()
    session.forgive(re.compile(r"localhost"))
