"""The REST API: the same gate, words that say what to do, no surprise on bad input."""

import json
from functools import partial

import pytest
from django.conf import settings
from django.test import Client

from runyard.clusters.models import Cluster
from tests.answers import content
from tests.make import make_pod, make_workload
from workloads import tasks
from workloads.models import Action, Event, Workload

URL = "/api/v1/workloads"
NO_CONTAINER = "No container of this pod is known yet."
BODY = {"name": "api-run", "project": "red", "image": "torch:2", "command": "python train.py", "gpus": 1}


@pytest.fixture(autouse=True)
def not_woken(monkeypatch):
    monkeypatch.setattr(tasks, "wake_all", lambda pks: None)


@pytest.fixture
def post(browse):
    def send(user, url, body, **headers):
        return browse(user).post(url, body, content_type="application/json", **headers)

    return send


def test_ada_lists_what_she_may_see(browse, ada, ada_training, eve_training):
    answer = browse(ada).get(URL).json()
    assert [row["name"] for row in answer["workloads"]] == ["redwood-sft"]
    assert answer["next"] is None


def test_pages_follow_each_other_without_gap_or_repeat(browse, ada, red, cluster):
    for number in range(7):
        make_workload(red, cluster, name=f"run-{number}")
    names, after = [], ""
    while True:
        answer = browse(ada).get(f"{URL}?limit=3{after}").json()
        names += [row["name"] for row in answer["workloads"]]
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
    assert names == [f"run-{number}" for number in reversed(range(7))]


def test_rows_are_sorted_by_the_columns_of_the_table_page_by_page(browse, ada, red, cluster):
    for number, gpus in enumerate((1, 8, 0, 8, 2)):
        make_workload(red, cluster, name=f"run-{number}", gpu_millis=gpus * 1000)
    names, after = [], ""
    while after is not None:
        answer = browse(ada).get(URL, {"sort": "-gpus,name", "limit": 2, "after": after}).json()
        names += [row["name"] for row in answer["workloads"]]
        after = answer["next"]
    assert names == ["run-1", "run-3", "run-4", "run-0", "run-2"]
    file = browse(ada).get(f"{URL}?sort=-gpus,name&columns=name", headers={"Accept": "text/csv"})
    assert [line.split(b",")[0].decode() for line in content(file).splitlines()[1:]] == names


def test_a_cursor_of_another_sort_is_refused(browse, ada, red, cluster):
    for _ in range(2):
        make_workload(red, cluster)
    after = browse(ada).get(f"{URL}?sort=name&limit=1").json()["next"]
    response = browse(ada).get(URL, {"sort": "-name", "after": after})
    assert (response.status_code, "not valid any more" in response.json()["message"]) == (400, True)


def test_the_exact_number_comes_with_any_page_when_asked_for(browse, ada, red, cluster, eve_training):
    rows = [make_workload(red, cluster) for _ in range(5)]
    client = browse(ada)
    assert "total" not in client.get(URL).json()
    answer = client.get(f"{URL}?count=exact&limit=2").json()
    assert (answer["total"], len(answer["workloads"])) == (5, 2)
    answer = client.get(f"{URL}?count=exact&limit=2&after={answer['next']}").json()
    assert (answer["total"], len(answer["workloads"])) == (5, 2)
    assert client.get(f"{URL}?count=exact&search={rows[0].name}").json()["total"] == 1


def test_what_takes_too_long_to_count_is_null(browse, ada, ada_training, monkeypatch):
    monkeypatch.setattr("runyard.api.views.count_exactly", lambda rows: None)
    assert browse(ada).get(f"{URL}?count=exact").json()["total"] is None


def test_ada_submits(post, ada, red, cluster):
    response = post(ada, URL, BODY)
    assert response.status_code == 202
    row = Workload.objects.get()
    assert (row.created_by, row.submitted_through, row.gpu_millis) == (ada, "api", 1000)


def test_without_a_name_the_oldest_cluster_that_is_followed_is_meant(post, ada, red, cluster):
    Cluster.objects.create(name="a-later-one", kubeconfig="/nowhere")
    Cluster.objects.create(name="a-demo", kubeconfig="")
    made = post(ada, URL, BODY).json()
    assert Workload.objects.get(pk=made["id"]).cluster == cluster


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "No Label"}, "name"),
        ({"project": "blue"}, "project"),
        ({"project": "nowhere"}, "project"),
        ({"cluster": "nowhere"}, "cluster"),
        ({"gpus": -1}, "gpus"),
        ({"gpus": 10**200}, "gpus"),
        ({"gpus": "8 "}, "gpus"),
        ({"memory": "12 potatoes"}, "memory"),
        ({"command": ""}, "command"),
        ({"environment": {"A": "x" * 2**20}}, "environment"),
        ({"environment": [1]}, "environment"),
        ({"created_by": 1}, "body"),
        ({"id": 7}, "body"),
        ({"is_superuser": True}, "body"),
    ],
)
def test_a_bad_submission_is_refused_at_its_field(post, ada, red, blue, cluster, change, field):
    response = post(ada, URL, BODY | change)
    assert response.status_code == 422, response.content
    assert list(response.json()["fields"]) == [field]
    assert not Workload.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"[" * 100_000,
        b'{"gpus": ' + b"9" * 200_000 + b"}",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800", "project": "red"}',
        b'{"name": "a", "project": "a\\u0000"}',
        b'{"gpus": NaN}',
    ],
)
def test_a_body_that_is_no_submission_is_no_server_error(post, ada, red, cluster, body):
    assert 400 <= post(ada, URL, body).status_code < 500


def test_a_body_that_is_too_large_is_refused(post, ada, red, cluster):
    response = post(ada, URL, json.dumps(BODY | {"command": "x" * 4 * 2**20}))
    assert (response.status_code, response.json()["message"]) == (413, "The body is larger than 2 MiB.")


@pytest.mark.parametrize(
    "query",
    [
        "phase=Sleeping",
        "limit=0",
        "limit=1000000000",
        "limit=-1",
        "after=x",
        "count=all",
        "after=99999999999999999999999",
        "ordering=owner__password",
        "sort=owner__password",
        "sort=name,gpus,age",
        "sort=name,-name",
        "sort=-",
        "owner__password__startswith=a",
        "_connector=OR 1=1",
        "project=%00red",
    ],
)
def test_an_unknown_or_bad_parameter_is_said(browse, ada, ada_training, query):
    response = browse(ada).get(f"{URL}?{query}")
    assert response.status_code == 400
    assert response.json()["message"]


@pytest.mark.parametrize("query", ["search=%25_%5C'\"", "search=%00", "search=" + "x" * 5000])
def test_odd_searches_find_nothing_and_harm_nothing(browse, ada, ada_training, query):
    response = browse(ada).get(f"{URL}?{query}")
    assert response.status_code == 200


def test_the_actions_answer_with_what_is_wanted_now(post, ada, ada_training):
    response = post(ada, f"{URL}/{ada_training.pk}/stop", {})
    assert (response.status_code, response.json()["phase"]) == (202, "Stopping")
    again = post(ada, f"{URL}/{ada_training.pk}/stop", {})
    assert (again.status_code, again.json()["code"]) == (409, "Refused")


def test_a_viewer_is_told_which_right_is_missing(post, vi, bo, ada_training):
    response = post(vi, f"{URL}/{ada_training.pk}/stop", {})
    assert response.status_code == 403
    assert "Ask Bo Tran" in response.json()["message"]


def test_deleting_is_asked_for(browse, ada, ada_training):
    assert browse(ada).delete(f"{URL}/{ada_training.pk}").status_code == 202
    assert Action.objects.get().verb == "delete"


def test_a_batch_tells_a_result_for_each(post, ada, ada_training, eve_training, cluster, red):
    done = make_workload(red, cluster, phase="Completed", terminal="Completed")
    ids = [ada_training.pk, done.pk, eve_training.pk, 10**15]
    answer = post(ada, f"{URL}/batch", {"verb": "stop", "ids": ids}).json()
    assert answer["succeeded"] == [ada_training.pk]
    assert {(f["id"], f["code"]) for f in answer["failed"]} == {
        (done.pk, "Refused"),
        (eve_training.pk, "NotFound"),
        (10**15, "NotFound"),
    }


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "create", "ids": [1]},
        {"verb": "stop", "ids": []},
        {"verb": "stop", "ids": [-1]},
        {"verb": "stop", "ids": [2**63]},
        {"verb": "stop", "ids": list(range(1, 10_002))},
        {"ids": [1]},
    ],
)
def test_a_bad_batch_is_refused_whole(post, ada, ada_training, body):
    assert post(ada, f"{URL}/batch", body).status_code == 422
    assert not Action.objects.exists()


def test_pods_and_events_are_told(browse, ada, ada_training, yesterday):
    Event.objects.create(
        cluster=ada_training.cluster,
        workload=ada_training,
        uid="e",
        resource_version="1",
        regarding_uid="x",
        regarding_kind="Pod",
        regarding_name="p",
        type="Normal",
        reason="Pulled",
        first_at=yesterday,
        last_at=yesterday,
    )
    client = browse(ada)
    ada_training.pods.update(role="rank 3")
    pod = client.get(f"{URL}/{ada_training.pk}/pods").json()["pods"][0]
    assert (pod["node"], pod["role"]) == ("node-1", "rank 3")
    assert client.get(f"{URL}/{ada_training.pk}/events").json()["events"][0]["title"] == "Pulled"


def test_a_log_of_a_cluster_that_does_not_answer_says_so(browse, ada, ada_training):
    response = browse(ada).get(f"{URL}/{ada_training.pk}/log")
    assert response.status_code == 502
    assert "kubeconfig" in response.json()["message"]


def test_a_container_of_another_pod_is_not_there(browse, ada, eve_training, ada_training):
    foreign = make_pod(eve_training)
    url = f"{URL}/{ada_training.pk}/log"
    assert browse(ada).get(f"{url}?pod={foreign.pk}").status_code == 404
    assert browse(ada).get(f"{url}?container=../../secrets").status_code == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("follow=true", "Unknown parameter 'follow'; there are pod, container, previous, tail."),
        ("tail=0", "tail is a whole number from 1 to 100000."),
        ("previous=perhaps", "previous is true or false."),
        ("container=other", "container is one of main."),
        ("pod=x", "pod is a whole number"),
    ],
)
def test_a_log_that_is_asked_for_wrongly_is_refused_in_words(browse, ada, ada_training, query, words):
    answer = browse(ada).get(f"{URL}/{ada_training.pk}/log?{query}")
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_pod_of_which_no_container_is_known_has_no_log(browse, ada, ada_training):
    ada_training.pods.update(containers=[])
    for address in ("log", "log?tail=3", "logs"):
        answer = browse(ada).get(f"{URL}/{ada_training.pk}/{address}")
        assert (answer.status_code, answer.json()["message"]) == (
            404,
            "No container of this pod is known yet.",
        )


@pytest.mark.parametrize("path", ["", "/pods"])
def test_addresses_without_parameters_take_none(browse, ada, ada_training, path):
    answer = browse(ada).get(f"{URL}/{ada_training.pk}{path}?limit=3")
    assert answer.status_code == 400
    assert answer.json()["message"] == "Unknown parameter 'limit': this address takes none."


def test_a_stranger_gets_nothing(client, ada_training):
    for url in (URL, f"{URL}/{ada_training.pk}", f"{URL}/{ada_training.pk}/log"):
        assert client.get(url).status_code in (302, 403)


def test_who_is_not_signed_in_is_told_to_sign_in(client):
    answer = client.get(URL)
    words = "Nobody is signed in. Sign in, and send the cookie of the session with each request."
    told = {"code": "not_authenticated", "message": words, "fields": {}}
    assert (answer.status_code, answer.json()) == (403, told)


@pytest.mark.parametrize("header", [None, "a" * 32])
def test_who_sends_no_csrf_token_or_a_wrong_one_is_told_which_to_send(ada, ada_training, header):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    client.cookies[settings.CSRF_COOKIE_NAME] = right = "b" * 32
    headers = {"X-CSRFToken": header} if header else {}
    stop = partial(client.post, f"{URL}/{ada_training.pk}/stop", "{}", "application/json")
    answer = stop(headers=headers)
    told = "Send the value of the cookie runyard_csrf as the header X-CSRFToken as well."
    assert (answer.status_code, answer.json()["message"]) == (403, told)
    assert stop(headers={"X-CSRFToken": right}).status_code == 202


def test_a_cross_site_post_is_refused(ada, ada_training):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    url = f"{URL}/{ada_training.pk}/stop"
    assert client.post(url, "{}", content_type="application/json").status_code == 403
    assert client.post(url, "{}", content_type="text/plain").status_code in (403, 415)
    assert not Action.objects.exists()


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ({"kind": "custom", "port": 22}, "port from 1024"),
        ({"kind": "custom", "port": 0}, "port from 1024"),
        ({"kind": "custom", "port": 65_536}, "port from 1024"),
        ({"kind": "nothing"}, "no kind of tool"),
        ({"kind": "custom", "path": "//evil.example"}, "one slash"),
        ({"kind": "custom", "path": "/../x"}, "one slash"),
        ({"kind": "custom", "path": "/%2e%2E/x"}, "one slash"),
        ({"kind": "custom", "path": "/%252e./x"}, "one slash"),
        ({"kind": "custom", "name": "Not A Label"}, "lower-case"),
    ],
)
def test_a_tool_that_cannot_be_is_refused_in_words(browse, ada, red, cluster, tool, words):
    body = {"name": "x", "project": "red", "image": "i", "command": "c", "kind": "workspace", "tools": [tool]}
    answer = browse(ada).post("/api/v1/workloads", body, content_type="application/json")
    assert answer.status_code == 422
    assert words in answer.text


def test_a_tool_that_people_know_brings_image_and_command_to_a_workspace_alone(browse, ada, red, cluster):
    client, body = browse(ada), {"name": "nb", "project": "red", "tools": [{"kind": "jupyter", "port": 9999}]}
    training = client.post("/api/v1/workloads", body, content_type="application/json")
    assert set(training.json()["fields"]) >= {"image", "command"}
    body["kind"] = "workspace"
    assert client.post("/api/v1/workloads", body, content_type="application/json").status_code == 202
    told = Workload.objects.get(name="nb").spec
    assert told["image"] == "jupyter/minimal-notebook"
    assert told["command"].startswith("jupyter lab --ip=$(POD_IP) --port=9999")
    two = body | {"name": "two", "tools": [{"kind": "jupyter"}, {"kind": "tensorboard"}]}
    refused = client.post("/api/v1/workloads", two, content_type="application/json")
    assert set(refused.json()["fields"]) == {"command"}


def test_a_workspace_says_how_its_tools_are_reached(browse, ada, red, cluster):
    body = {"name": "nb", "project": "red", "image": "i", "command": "c", "kind": "workspace"}
    answer = browse(ada).post(
        "/api/v1/workloads", body | {"tools": [{"kind": "jupyter"}]}, content_type="application/json"
    )
    row = Workload.objects.get(pk=answer.json()["id"])
    assert (answer.status_code, row.kind) == (202, "workspace")
    pod = row.manifest["spec"]["template"]
    assert pod["metadata"]["annotations"]["runyard.io/tools"].startswith('[{"name":"jupyter","port":8888')
    variables = {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
    assert len(variables["JUPYTER_TOKEN"]["value"]) == 40
    assert variables["POD_IP"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("f=gpus>=2", ["big"]),
        ("f=data_sources=@pvc", ["small"]),
        ("f=name==big&f=name==small", ["small", "big"]),
        ("f=name!=big&f=gpus>=2", []),
        ("q=BIG", ["big"]),
        ("phase=Running&phase=Failed", ["small", "big"]),
    ],
)
def test_it_takes_the_filters_of_the_table(browse, ada, red, cluster, query, names):
    make_workload(red, cluster, name="big", gpu_millis=8000, phase="Running")
    make_workload(red, cluster, name="small", gpu_millis=0, data_sources=["a (PVC)"], phase="Failed")
    assert [row["name"] for row in browse(ada).get(f"{URL}?{query}").json()["workloads"]] == names


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("f=nothing==1", "cannot be filtered by “nothing”; it can by name"),
        ("f=gpus=@1", "GPUs cannot be filtered with =@; use >="),
        ("phase=Nope", "There is no status “Nope”; there is Creating"),
        ("page_size=9", "Unknown parameter 'page_size'; there are q, f, phase"),
    ],
)
def test_a_filter_that_is_none_is_refused_in_words(browse, ada, query, words):
    answer = browse(ada).get(f"{URL}?{query}")
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)
