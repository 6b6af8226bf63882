"""What is wrong with a submission stands at its field, in words, and nothing that was typed is lost."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import (
    NARROW,
    Session,
    assert_accessible,
    assert_no_sideways_scroll,
    wait_for_behaviours,
)
from tests.journeys.pages import picture, python
from tests.product import Api

GOOD = {
    "name": "resnet-sweep-7",
    "image": "registry.example/torch:2.6",
    "command": "python train.py --config resnet50.yaml",
    "arguments": "--epochs 90",
    "gpus": "0",
    "cpu": "2",
    "memory": "8 GiB",
}
MIB = "x" * 2**20


@pytest.fixture
def form(signed_in: Page) -> Page:
    """The form of a new workload, filled with what could be submitted."""
    signed_in.goto("/workloads/new")
    wait_for_behaviours(signed_in)
    for field, text in GOOD.items():
        fill(signed_in, field, text)
    return signed_in


def fill(page: Page, field: str, text: str) -> None:
    page.locator(f"[name={field}]").first.fill(text)


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("name", "Not A Label!", "lower-case"),
        ("name", "taken", "already"),
        ("command", "", "ommand"),
        ("gpus", "-1", "hole number"),
        ("gpus", "1e9", "hole number"),
        ("memory", "12 potatoes", "such as 8Gi"),
        ("cpu", "many", "cores"),
    ],
)
def test_bad_input_is_explained_at_its_field(form: Page, session: Session, api: Api, field, typed, words):
    if typed == "taken" and not api.named("taken"):
        api.submit("taken", python("import time; time.sleep(600)"))
    fill(form, field, typed)
    form.get_by_role("textbox", name="Image").blur()
    form.evaluate("document.getElementById('new').submit()")  # as without scripts: the server decides
    expect(form.locator(f"#{field}-error")).to_contain_text(words)
    for name, text in (GOOD | {field: typed}).items():
        expect(form.locator(f"[name={name}]").first).to_have_value(text)
    assert_accessible(form)
    session.forgive(re.compile("status of 422"))


def test_a_variable_of_a_mebibyte_is_refused_and_kept(form: Page, session: Session):
    fill(form, "env-name", "BLOB")
    fill(form, "env-value", MIB)
    error = form.locator("#environment-error")
    expect(error).to_contain_text("BLOB")
    form.evaluate("document.getElementById('new').submit()")
    expect(error).to_contain_text("BLOB")
    assert form.locator("[name=env-value]").first.input_value() == MIB
    session.forgive(re.compile("status of 422"))


def test_the_right_side_shows_what_will_be_submitted(form: Page):
    """Words at a field while typing; the YAML and the fit follow."""
    fill(form, "env-name", "WANDB_MODE")
    fill(form, "env-value", "offline")
    shown = form.get_by_label("What will be submitted", exact=True)
    expect(shown).to_contain_text("2 CPU, 8Gi memory")
    picture(form, "new-workload")
    fill(form, "memory", "12 potatoes")
    expect(form.locator("#memory-error")).not_to_be_empty()
    expect(form.locator("#memory")).to_have_attribute("aria-invalid", "true")
    fill(form, "memory", "8 GiB")
    expect(form.locator("#memory-error")).to_be_empty()
    form.get_by_text("YAML", exact=True).click()
    expect(shown.locator("pre").first).to_contain_text("kind: Job")
    assert_accessible(form)


def test_the_form_fits_a_telephone(form: Page):
    form.set_viewport_size(NARROW)
    assert_no_sideways_scroll(form)
    assert_accessible(form)
