"""The HTTP door without a process: the gate, discovery, logs, binding."""

from datetime import UTC, datetime

import pytest

from localcluster.logoptions import FellBehind
from tests.contracts.objects import config_map, pod

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def started(registry):
    """A pod whose container has started once."""
    registry.create("pods", "default", pod("one", spec={"schedulingGates": [], "nodeName": "node-1"}))
    _container(registry, state={"running": {"startedAt": registry.timestamp()}})


def _container(registry, **status):
    def change(obj):
        obj["status"]["containerStatuses"] = [{"name": "main", "ready": False, "restartCount": 0} | status]

    registry.mutate("pods", "default", "one", change, subresource="status")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example:6443",
        "169.254.169.254",
        "evil:localhost",
        "127.0.0.1:6443/readyz?",
        "localhost:x",
        "",
    ],
)
async def test_without_the_token_a_foreign_host_is_refused_everywhere(http, host):
    for path in ("/api/v1/pods", "/readyz"):
        answer = await http.get(path, headers={"host": host, "authorization": ""})
        assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")


async def test_with_the_token_any_host_will_do_as_a_proxy_passes_on_what_the_browser_sees(http):
    assert (await http.get("/api/v1/pods", headers={"host": "w1-jupyter.example"})).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST:6443", "[::1]:6443"])
async def test_this_machine_s_names_are_let_in(http, host):
    assert (await http.get("/api/v1/pods", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1/pods", "/version", "/debug/compact", "/openapi/v2", "/nothing"]
)
async def test_everything_but_health_needs_the_token(http, path):
    for token in ("", "Bearer nearly", "bearer", "Basic a-token", "Bearer a-token2"):
        answer = await http.get(path, headers={"authorization": token})
        assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz"])
async def test_health_needs_no_token(http, path):
    answer = await http.get(path, headers={"authorization": ""})
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_discovery_lists_the_table(http):
    core = (await http.get("/api/v1")).json()
    rows = {row["name"]: row for row in core["resources"]}
    assert rows["pods"]["shortNames"] == ["po"]
    assert rows["pods/eviction"]["group"] == "policy"
    groups = {one["name"]: one["preferredVersion"] for one in (await http.get("/apis")).json()["groups"]}
    assert groups["batch"]["groupVersion"] == "batch/v1"
    assert groups["metrics.k8s.io"]["version"] == "v1beta1"
    assert (await http.get("/apis/batch")).json()["name"] == "batch"
    assert (await http.get("/apis/batch/v1")).json()["resources"][0]["kind"] == "Job"
    assert (await http.get("/version")).json()["major"] == "1"
    assert (await http.get("/apis/none.example")).status_code == 404


async def test_openapi_says_that_fields_are_checked_here(http):
    roots = (await http.get("/openapi/v3")).json()["paths"]
    batch = (await http.get(roots["apis/batch/v1"]["serverRelativeURL"])).json()
    patch = batch["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "batch", "version": "v1", "kind": "Job"}
    assert patch["parameters"][0]["name"] == "fieldValidation"
    assert (await http.get("/openapi/v2")).json()["swagger"] == "2.0"
    assert (await http.get("/openapi/v3/apis/none/v1")).status_code == 404


async def test_a_log_is_asked_of_the_node_with_all_its_options(http, logs, started):
    chosen = {
        "follow": "true",
        "tailLines": "5",
        "sinceTime": "2026-01-01T00:00:00Z",
        "timestamps": "true",
        "limitBytes": "100",
    }
    answer = await http.get(f"{PODS}/one/log", params=chosen)
    assert (answer.status_code, answer.text) == (200, "one\ntwo\n")
    assert answer.headers["content-type"].startswith("text/plain")
    ((namespace, name, container, options),) = logs.asked
    assert (namespace, name, container) == ("default", "one", "main")
    assert (options.follow, options.tail_lines, options.timestamps, options.limit_bytes) == (
        True,
        5,
        True,
        100,
    )
    assert options.since_time == datetime(2026, 1, 1, tzinfo=UTC)


async def test_who_reads_a_log_too_slowly_is_cut_off_without_an_end(http, logs, started, monkeypatch):
    application, sent = http._transport.app, []

    async def slow(*_):
        yield b"one\n"
        raise FellBehind

    async def watched(scope, receive, send):
        async def note(message):
            sent.append(message)
            await send(message)

        await application(scope, receive, note)

    monkeypatch.setattr(application._api, "_pod_logs", slow)
    monkeypatch.setattr(http._transport, "app", watched)
    with pytest.raises(AssertionError):  # as the transport calls an answer that has no end
        await http.get(f"{PODS}/one/log", params={"follow": "true"})
    assert [one.get("body") for one in sent] == [None, b"one\n"]
    assert sent[-1]["more_body"]


async def test_a_log_before_the_start_says_what_is_awaited(http, registry, started):
    _container(registry, state={"waiting": {"reason": "CreateContainerConfigError"}})
    answer = await http.get(f"{PODS}/one/log")
    words = 'container "main" in pod "one" is waiting to start: CreateContainerConfigError'
    assert (answer.status_code, answer.json()["message"]) == (400, words)


async def test_the_previous_log_needs_a_previous_run(http, registry, logs, started):
    refused = await http.get(f"{PODS}/one/log", params={"previous": "true"})
    assert refused.json()["message"] == 'previous terminated container "main" in pod "one" not found'
    _container(
        registry, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 1}}
    )
    assert (await http.get(f"{PODS}/one/log", params={"previous": "true"})).text == "one\ntwo\n"
    assert logs.asked[-1][3].previous


async def test_a_pod_without_a_node_has_an_empty_log(http, registry, logs):
    registry.create("pods", "default", pod("one"))
    answer = await http.get(f"{PODS}/one/log")
    assert (answer.status_code, answer.text, logs.asked) == (200, "", [])


async def test_binding_assigns_a_node_once(http, registry):
    registry.create("pods", "default", pod("one", spec={"schedulingGates": []}))
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "one"},
        "target": {"kind": "Node", "name": "n1"},
    }
    assert (await http.post(f"{PODS}/one/binding", json=body)).status_code == 201
    found = registry.get("pods", "default", "one")
    assert found["spec"]["nodeName"] == "n1"
    assert found["status"]["conditions"][0]["type"] == "PodScheduled"
    assert (await http.post(f"{PODS}/one/binding", json=body)).status_code == 409


async def test_eviction_deletes(http, registry):
    registry.create("pods", "default", pod("one"))
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}}
    assert (await http.post(f"{PODS}/one/eviction", json=body)).status_code == 201
    assert (await http.get(f"{PODS}/one")).status_code == 404


async def test_a_fault_of_ours_is_a_status_without_its_inside(http, registry, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the inside")

    monkeypatch.setattr(registry, "get_bytes", broken)
    answer = await http.get(f"{PODS}/one")
    assert (answer.status_code, answer.json()["reason"]) == (500, "InternalError")
    assert "inside" not in answer.text


async def test_compaction_on_request(http, registry):
    registry.create("configmaps", "default", config_map("one"))
    answer = await http.post("/debug/compact")
    assert answer.json() == {"compacted": registry.store.version}
