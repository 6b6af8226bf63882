"""Saved views by the REST API: the rights of the pages, and words on bad input."""

import pytest

from runyard.kit.looks import Look
from runyard.tenancy import saved_views
from runyard.tenancy.models import SavedView

URL = "/api/v1/views"
BODY = {
    "name": "Failed",
    "query": "phase=Failed&sort=-gpus",
    "columns": ["name", "gpus"],
    "widths": {"gpus": 90},
}


@pytest.fixture
def send(browse):
    """`send(ada, "post", URL, {...})`"""

    def sent(user, method, url, body):
        return getattr(browse(user), method)(url, body, content_type="application/json")

    return sent


@pytest.fixture
def made(send, ada):
    """The number of Ada's own view."""
    return send(ada, "post", URL, BODY).json()["id"]


def test_a_view_is_made_listed_and_read(browse, send, ada, bo, eve):
    answer = send(ada, "post", URL, BODY)
    assert answer.status_code == 201
    view = answer.json()
    expected = {"table": "workloads", "owner": "ada", "project": None, "default": False, "lost": [], **BODY}
    assert {key: view[key] for key in expected} == expected
    assert browse(ada).get(URL).json() == {"views": [view]}
    assert browse(ada).get(f"{URL}/{view['id']}").json() == view
    for other in (bo, eve):
        assert browse(other).get(URL).json() == {"views": []}
        assert browse(other).get(f"{URL}/{view['id']}").status_code == 404


def test_what_is_left_out_stays(send, ada, made):
    changed = send(ada, "patch", f"{URL}/{made}", {"query": "q=llama"}).json()
    assert (changed["name"], changed["query"]) == ("Failed", "q=llama&sort=age")
    assert (changed["columns"], changed["widths"]) == (["name", "gpus"], {"gpus": 90})
    changed = send(ada, "patch", f"{URL}/{made}", {"columns": [], "widths": {}, "name": "Llamas"}).json()
    assert (changed["name"], changed["query"], changed["widths"]) == ("Llamas", "q=llama&sort=age", {})
    assert "status" in changed["columns"]


def test_an_administrator_makes_a_default_at_once(send, browse, bo, ada, red):
    view = send(bo, "post", URL, {**BODY, "project": "red", "default": True}).json()
    assert (view["project"], view["default"]) == ("red", True)
    assert browse(ada).get(URL).json()["views"] == [view]
    refused = send(ada, "patch", f"{URL}/{view['id']}", {"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "Denied")
    changed = send(bo, "patch", f"{URL}/{view['id']}", {"default": False, "project": None}).json()
    assert (changed["default"], changed["project"]) == (False, None)


def test_all_of_a_request_or_nothing(send, ada, vi, red, made):
    assert (
        send(ada, "post", URL, {**BODY, "name": "new", "project": "red", "default": True}).status_code == 403
    )
    assert send(vi, "post", URL, {**BODY, "project": "red"}).status_code == 403
    assert send(ada, "patch", f"{URL}/{made}", {"name": "other", "project": "blue"}).status_code == 422
    assert [view.name for view in SavedView.objects.all()] == ["Failed"]


def test_a_view_is_deleted_by_its_owner(browse, ada, bo, made):
    assert browse(bo).delete(f"{URL}/{made}").status_code == 404
    assert browse(ada).delete(f"{URL}/{made}").status_code == 204
    assert browse(ada).delete(f"{URL}/{made}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 10_000}, "name"),
        ({"name": "\u202eevil"}, "name"),
        ({"name": 7}, "name"),
        ({"query": "sort=wishes"}, "query"),
        ({"query": "q=" + "x" * 30_000}, "query"),
        ({"query": "columns=gpus"}, "query"),
        ({"query": "&".join(f"f=name%21%40{'%E2%82%AC' * 90}{n}" for n in range(20))}, "query"),
        ({"columns": ["wishes"]}, "query"),
        ({"columns": ["gpus", "gpus"]}, "query"),
        ({"widths": {"gpus": -1}}, "query"),
        ({"widths": {"gpus": "x"}}, "widths"),
        ({"project": "blue"}, "project"),
        ({"project": "nowhere"}, "project"),
        ({"default": True}, "default"),
        ({"table": "nodes"}, "table"),
        ({"surprise": 1}, "body"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_422_that_names_the_field(send, ada, blue, change, field):
    answer = send(ada, "post", URL, {**BODY, **change})
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]
    assert answer.json()["fields"][field].endswith(".")
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("raw", [b'{"name": "\\ud800"}', b'{"name": "a\\u0000"}', b'{"name": ', b"[]", b"7"])
def test_what_is_no_json_of_a_view_is_refused(browse, ada, raw):
    answer = browse(ada).post(URL, raw, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.json()["message"]


def test_an_unknown_table_is_named(browse, ada):
    assert browse(ada).get(f"{URL}?table=nodes").status_code == 422


def test_what_a_view_lost_is_listed(browse, ada):
    look = Look("f=wishes%3E%3D1&sort=age", ("name", "wishes"), {})
    saved_views.create(ada, "workloads", "old", look)
    (view,) = browse(ada).get(URL).json()["views"]
    assert view["columns"] == ["name"]
    assert view["lost"] == ["the filter “wishes>=1”", "the column “wishes”"]


def test_a_stranger_gets_nothing(client, made):
    for url in (URL, f"{URL}/{made}"):
        assert client.get(url).status_code == 403
