"""Toasts: what could be undone goes once something else was done to the same workload."""

import pytest
from django.template.loader import get_template
from playwright.sync_api import expect

from workloads.models import Verb


@pytest.fixture
def toasts(stage):
    return stage('<div id="toasts" class="toasts" data-behaviour="toasts"></div>', styles=("tokens", "base"))


def come(toasts, words, ids, undo=None, lines=()):
    """The outcome of an action, as the server answers it."""
    context = {"words": words, "level": "success", "lines": lines, "undo": undo, "ids": ids, "csrf_input": ""}
    html = get_template("workloads/outcome.html").render(context)
    add = "html => document.getElementById('toasts').insertAdjacentHTML('beforeend', html)"
    toasts.page.evaluate(add, html)
    toasts.wait_for("!document.querySelector('.toast:not([data-seen])')")


def test_the_next_action_on_a_workload_takes_the_offer_to_undo_the_one_before_away(toasts):
    come(toasts, "Stopped seven.", [7, 8], Verb.RUN)
    come(toasts, "Stopped twelve.", [12], Verb.RUN)
    come(toasts, "Stopped thirty.", [30], Verb.RUN, lines=["other: it has ended"])
    come(toasts, "Running 8, 30.", [8, 30], Verb.STOP)
    expect(toasts.page.locator(".toast p")).to_have_text(
        ["Stopped twelve.", "Stopped thirty.", "Running 8, 30."]
    )
    expect(toasts.page.locator(".toast").nth(1).get_by_role("button", name="Undo")).to_have_count(0)
    expect(toasts.page.get_by_role("button", name="Undo")).to_have_count(2)


def test_what_refuses_to_do_anything_leaves_the_offer(toasts):
    come(toasts, "Stopped seven.", [7], Verb.RUN)
    come(toasts, "Nothing to stop.", [])
    expect(toasts.page.locator(".toast p")).to_have_text(["Stopped seven.", "Nothing to stop."])
    expect(toasts.page.get_by_role("button", name="Undo")).to_have_count(1)
