"""Every address there is, and Eve at each: she sees nothing of red and changes nothing.

The addresses come from the resolver, so that a new one cannot be forgotten.
"""

import pytest
from django.urls import get_resolver, reverse
from django.utils import timezone

from runyard.tenancy.models import SavedView
from tests.answers import content
from workloads.models import Action, Bulk, Workload

PUBLIC = {"sign-in", "sign-in-link", "health", "own-metrics"}
#: These refuse what is no filter of theirs.
STRICT = {
    "workload-pods", "workload-pod-page", "workload-pods-csv", "workload-events", "workload-events-csv"
}  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")


def _patterns(patterns):
    for pattern in patterns:
        yield from _patterns(pattern.url_patterns) if hasattr(pattern, "url_patterns") else [pattern]


ADDRESSES = {p.name: p for p in _patterns(get_resolver().url_patterns)}
OF_ONE = sorted(
    name for name, p in ADDRESSES.items() if "pk" in p.pattern.converters or "<pk>" in str(p.pattern)
)
OF_VIEW = sorted(name for name, p in ADDRESSES.items() if "view" in p.pattern.converters)
OF_PROJECT = sorted(name for name, p in ADDRESSES.items() if "project" in p.pattern.converters)
OTHERS = sorted(set(ADDRESSES) - set(OF_ONE) - PUBLIC)


def bulk_of(workload):
    """The number of a bulk action on `workload`, of somebody else's."""
    now = timezone.now()
    fields = {"verb": "stop", "ids": [workload.pk], "total": 1, "created_at": now, "due_at": now}
    failed = [{"id": workload.pk, "name": workload.name, "code": "Refused", "message": "no"}]
    return Bulk.objects.create(by=workload.created_by, failed=failed, **fields).pk


def view_of(workload):
    """A saved view that the workload's owner shared with its project."""
    who = {"owner": workload.created_by, "project": workload.project, "table": "workloads"}
    return SavedView.objects.get_or_create(name="redwood-view", **who)[0]


def url_of(name, workload):
    parts = {"pk": workload.pk, "verb": "stop", "bulk": bulk_of(workload), "view": view_of(workload).pk}
    parts |= {"project": workload.project.name, "tool": "jupyter"}
    wanted = {key: value for key, value in parts.items() if f"{key}>" in str(ADDRESSES[name].pattern)}
    return reverse(name, kwargs=wanted)


def call(client, method, url, workload):
    body = {"ids": [workload.pk], "verb": "stop", "name": "x", "copy": workload.pk}
    if url.startswith("/api/"):
        return (
            getattr(client, method)(url, body, content_type="application/json")
            if method != "get"
            else client.get(url)
        )
    query = f"?ids={workload.pk}&copy={workload.pk}&q=redwood&verb=stop"
    return client.get(url + query) if method == "get" else getattr(client, method)(url, body)


def test_every_address_has_a_name():
    assert None not in ADDRESSES


def test_there_are_addresses_of_one_workload_to_try():
    assert {"workload", "workload-logs", "api-workload", "api-log"} <= set(OF_ONE)


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize("method", METHODS)
def test_eve_finds_nothing_under_the_number_of_adas_training(browse, eve, ada_training, name, method):
    before = list(Workload.objects.values())
    response = call(browse(eve), method, url_of(name, ada_training), ada_training)
    assert response.status_code in (404, 405)
    assert b"redwood-sft" not in content(response)
    assert (list(Workload.objects.values()), Action.objects.count()) == (before, 0)


@pytest.mark.parametrize("name", OF_VIEW)
@pytest.mark.parametrize("method", METHODS)
def test_eve_finds_no_saved_view_of_red(browse, eve, ada_training, name, method):
    view = SavedView.objects.filter(pk=view_of(ada_training).pk)
    before = list(view.values())
    response = call(browse(eve), method, url_of(name, ada_training), ada_training)
    assert response.status_code in (404, 405)
    assert b"redwood" not in content(response)
    assert list(view.values()) == before


@pytest.mark.parametrize("name", OF_PROJECT)
@pytest.mark.parametrize("method", METHODS)
def test_eve_finds_nothing_of_red_under_its_name(browse, eve, ada_training, name, method):
    response = call(browse(eve), method, url_of(name, ada_training), ada_training)
    assert response.status_code in (404, 405)


def test_there_are_addresses_of_one_project_to_try():
    assert {"api-log-limits", "project-settings"} <= set(OF_PROJECT)


def test_there_are_addresses_of_one_saved_view_to_try():
    assert OF_VIEW == ["api-view", "workload-view"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("method", METHODS)
def test_eve_reads_no_word_of_red_anywhere(browse, eve, ada_training, name, method):
    before = Workload.objects.values().get(pk=ada_training.pk)
    response = call(browse(eve), method, url_of(name, ada_training), ada_training)
    assert response.status_code < 500
    assert b"redwood-sft" not in content(response)
    assert Workload.objects.values().get(pk=ada_training.pk) == before
    assert not Action.objects.filter(workload=ada_training).exists()


NEED_A_CLUSTER = {"api-act", "api-log", "workload-connect", "api-logs", "api-yaml"} | {
    f"workload-log-{what}" for what in ("download", "search", "merged", "first-error")
}


@pytest.mark.parametrize("name", sorted(set(OF_ONE) - NEED_A_CLUSTER))
def test_ada_does_find_it_there(browse, ada, ada_training, name):
    url, client = url_of(name, ada_training), browse(ada)
    response = client.get(url) if name in STRICT else call(client, "get", url, ada_training)
    assert response.status_code == 200


@pytest.mark.parametrize("name", sorted(set(ADDRESSES) - PUBLIC))
def test_a_stranger_is_asked_to_sign_in(client, ada_training, name):
    response = call(client, "get", url_of(name, ada_training), ada_training)
    assert response.status_code in (302, 403)
    assert b"redwood-sft" not in content(response)
