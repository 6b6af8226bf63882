"""A newcomer's first workload, from the sign-in link to the deletion, in a browser on the running product.

The link works once and only before any other sign-in: this module comes first by its name.
"""

import re

from playwright.sync_api import Page, expect

from tests.journeys.browser import Session, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import (
    LATER,
    confirm,
    counting,
    expect_log_to_grow,
    expect_now,
    expect_status,
    live,
    log_rows,
    mouse_away,
    python,
    row,
    status,
    until,
)
from tests.product import Api, Up

# Notes, on a page with the table, every status word that each row has shown.
WATCH = """() => {
  window.shown = {};
  const note = () => {
    for (const row of document.querySelectorAll("tr[data-row]")) {
      const list = window.shown[row.querySelector("th.first a").textContent] ??= [];
      const word = row.querySelector(".phase").textContent.trim();
      if (list.at(-1) !== word) list.push(word);
    }
  };
  new MutationObserver(note).observe(document.querySelector(".grid"), { subtree: true, childList: true });
}"""
STORY = ["Creating", "Pending", "Initializing", "Running"]


def test_the_link_signs_in_once_and_the_sample_trains(product: Up, session: Session, page: Page):
    link = product.shown("Sign in")
    page.goto(link)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="No workloads yet")).to_be_visible()
    live(page)
    assert_accessible(page)

    page.get_by_role("button", name="Try a sample").first.click()
    expect(page.get_by_role("heading", name=re.compile("^sample"))).to_be_visible()
    expect_now(page, "Running")
    log = page.locator("section.log")
    expect(log).to_contain_text("training on 400 points", timeout=LATER)
    expect(log).to_contain_text(re.compile(r"step +\d[\d,]*  loss 0\.\d+  accuracy"), timeout=LATER)
    assert_accessible(page)

    page.goto(link)
    expect(page.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
    assert_accessible(page)
    session.forgive(re.compile("status of 410"))


def test_a_training_from_the_form_to_its_deletion(signed_in: Page, session: Session, tmp_path):
    table = signed_in
    live(table)
    table.evaluate(WATCH)
    page = session.page()
    page.goto("/workloads/")
    page.get_by_role("link", name="New Workload").first.click()
    assert_accessible(page)
    page.get_by_label("Name", exact=True).fill("llama-sft-1")
    page.get_by_label("Image").fill("registry.example/torch:2.6")
    page.get_by_role("textbox", name="Command").fill(counting(tmp_path / "starts"))
    page.get_by_label("Name of variable 1").fill("EPOCHS")
    page.get_by_label("Value of variable 1").fill("3")
    page.get_by_label("CPU").fill("0.1")
    page.get_by_label("Memory").fill("64 MiB")
    expect(page.get_by_label("What will be submitted")).to_contain_text("0.1 CPU, 64Mi memory")
    page.get_by_role("button", name="Submit").click()

    page.wait_for_url(re.compile(r"/workloads/\d+/$"))
    expect_now(page, "Running")
    expect_status(table, "llama-sft-1", "Running")  # in the other window, which nobody reloaded
    shown = table.evaluate("window.shown['llama-sft-1']")
    assert shown == [word for word in STORY if word in shown], shown

    page.get_by_role("link", name="Event history").click()
    expect(page.locator("li[data-type=phase] b")).to_have_text(STORY[::-1])
    expect(page.locator(".history")).to_contain_text("Scheduled")
    assert_accessible(page)
    page.get_by_role("link", name="Pods").click()
    expect(page.get_by_role("table")).to_contain_text("Running")
    assert_accessible(page)

    page.get_by_role("link", name="Logs").click()
    expect_log_to_grow(page)
    assert_accessible(page)
    stop_run_again_and_delete(page, table, tmp_path / "starts")


def stop_run_again_and_delete(page: Page, table: Page, starts) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
    confirm(page, "Stop llama-sft-1?", "Stop")
    expect_now(page, "Stopped")
    expect_status(table, "llama-sft-1", "Stopped")
    assert len(starts.read_text().split()) == 1

    page.get_by_role("button", name="Run").click()
    expect_now(page, "Running")
    expect_status(table, "llama-sft-1", "Running")
    until(page, lambda: len(starts.read_text().split()) == 2)
    expect(page.locator("section.log")).to_contain_text(f"of {starts.read_text().split()[1]}", timeout=LATER)
    expect_log_to_grow(page)
    assert table.evaluate("window.shown['llama-sft-1'].slice(-3)")[-1] == "Running"

    page.get_by_role("button", name="Delete").click()
    confirm(page, "Delete llama-sft-1?", "Delete")
    expect(row(table, "llama-sft-1")).to_have_count(0, timeout=LATER)
    expect(page.locator(".notice")).to_contain_text("Deleted", timeout=LATER)
    expect(page.locator(".notice")).to_contain_text("what was known of it stays here")
    assert_accessible(page)
    page.close()


def test_a_short_training_completes_before_one_s_eyes(signed_in: Page, api: Api):
    live(signed_in)
    api.submit("short", python("print('one line')"))
    expect_status(signed_in, "short", "Completed")
    row(signed_in, "short").get_by_role("link", name="short", exact=True).click()
    expect_now(signed_in, "Completed")
    expect(log_rows(signed_in).first).to_contain_text("one line", timeout=LATER)
    expect(signed_in.locator("[data-log=state]")).to_have_text("ended", timeout=LATER)
    expect(signed_in.get_by_role("button", name="Stop")).to_have_attribute("aria-disabled", "true")
    assert_accessible(signed_in)


def test_a_table_of_every_state_says_why_each_is_in_it(signed_in: Page, api: Api, tmp_path):
    """One of each."""
    page, started = signed_in, []
    live(page)
    steps = python("import time\nfor n in range(10**6): print('step', n, flush=True); time.sleep(0.3)")
    for name, command, fields in (
        ("tokenizer-bpe", python("print('vocabulary of 32,000 written')"), {"memory": "2Gi"}),
        ("vit-pretrain", steps, {"gpus": 8, "cpu": "32", "memory": "256Gi"}),
        ("eval-mmlu", python("raise SystemExit('the checkpoint is not there')"), {"memory": "1Gi"}),
        ("whisper-finetune", steps, {"memory": "512Mi"}),
        ("sd-lora", steps, {"image": "registry.example/diffusers:0.31"}),
        ("feature-store-sync", steps, {"memory": "128Mi"}),
        ("ranker-nightly", steps, {"cpu": "64", "memory": "8Gi"}),
    ):
        torch = {"image": "registry.example/torch:2.6", "cpu": "100m", "memory": "256Mi"}
        started.append(api.submit(name, command, **(torch | fields)))
    mouse_away(page)
    expect_status(page, "tokenizer-bpe", "Completed")
    expect_status(page, "vit-pretrain", "Pending")
    expect_status(page, "eval-mmlu", "Failed")
    expect_status(page, "eval-mmlu", "exit code 1")
    expect_status(page, "sd-lora", "Running")
    expect_status(page, "ranker-nightly", "Pending")
    expect(status(page, "vit-pretrain").locator(".why")).to_contain_text("GPU", timeout=LATER)
    api.act(started[3], "stop")
    expect_status(page, "whisper-finetune", "Stopped")
    assert_accessible(page)
    assert_no_sideways_scroll(page)
    for pk in started:
        api.delete(pk)
    for pk in started:
        api.insist(lambda pk=pk: api.read(pk)["deleted_at"], 90, f"{pk} to be gone")
