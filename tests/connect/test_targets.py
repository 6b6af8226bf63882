"""Where the door leads: straight to a pod where that is its pod's address, else through the cluster's API."""

import asyncio
import io
import json
import socket
import threading

import pytest

from runyard.clusters.access import Access
from runyard.clusters.connection import ApiError, Silent, Unreachable
from runyard.connect import addresses, knocking, targets
from runyard.connect.addresses import Resolver, address_of
from runyard.connect.asking import NotReady
from runyard.connect.hosts import Place
from workloads.models import Pod, Workload

PROXY = "/api/v1/namespaces/red/pods/train-0:{}/proxy"


class Api:
    """A cluster's API that knows one pod; `says` is what it answers, or raises."""

    def __init__(self):
        self.says = {"metadata": {"uid": "u-0"}, "status": {"phase": "Running", "podIP": "127.64.0.1"}}
        self.heard, self.knocked = None, []

    def read(self, method, path, read_seconds):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode()

    def request(self, method, path, read_seconds, accept):
        """The page of a tool: an exception to raise, or None for an answer."""
        self.knocked.append(path)
        if self.heard is not None:
            raise self.heard
        return io.BytesIO()

    def access(self):
        return Access("https://api", {"authorization": "Bearer x"})


@pytest.fixture
def api(monkeypatch):
    found = Api()
    monkeypatch.setattr(addresses, "connect", lambda cluster: found)
    monkeypatch.setattr(targets, "connect", lambda cluster: found)
    monkeypatch.setattr(knocking, "connect", lambda cluster: found)
    return found


@pytest.fixture
def listener():
    """A port of an embedded pod's address on which something listens."""
    with socket.create_server(("127.64.0.1", 0)) as made:
        yield made.getsockname()[1]


@pytest.fixture
def pod(ada_training, listener):
    """The pod of Ada's training, which has a tool."""
    cluster = ada_training.cluster
    cluster.pod_network = "127.64.0.0/10"
    cluster.save()
    Workload.objects.filter(pk=ada_training.pk).update(
        tools=[{"name": "jupyter", "kind": "jupyter", "port": listener, "path": "/"}]
    )
    Pod.objects.update(uid="u-0", namespace="red", name="train-0")
    return ada_training.pods.select_related("cluster").get()


@pytest.fixture
def place(pod):
    return Place(pod.workload_id, "jupyter")


def test_a_pod_that_is_reached_is_gone_to_directly_without_the_clusters_credentials(
    api, pod, place, listener
):
    target = targets.target_of(place)
    assert target.base == f"http://{pod.pk}.pod.invalid:{listener}"
    assert (target.direct, target.access.headers) == (True, {})


@pytest.mark.parametrize("why", ["no network", "another network", "nothing listens"])
def test_else_one_goes_through_the_api(api, pod, place, listener, why):
    if why in ("no network", "another network"):
        pod.cluster.pod_network = "" if why == "no network" else "10.0.0.0/8"
        pod.cluster.save()
    else:
        api.says["status"]["podIP"] = "127.64.0.2"
    target = targets.target_of(place)
    assert target.base == "https://api" + PROXY.format(listener)
    assert not target.direct


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "evil.example.com", None]
)
def test_what_a_pods_status_says_leads_nowhere_else(api, pod, address):
    api.says["status"]["podIP"] = address
    assert address_of(pod) == ""


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"metadata": {"uid": "other"}, "status": {"phase": "Running", "podIP": "127.64.0.1"}}, "another"),
        ({"metadata": {"uid": "u-0"}, "status": {"phase": "Failed", "podIP": "127.64.0.1"}}, "gone"),
        (ApiError(404, "NotFound", "no such pod"), "gone"),
        (ApiError(403, "Forbidden", "pods is forbidden"), "forbidden"),
        (Unreachable("The cluster does not answer: refused"), "does not answer"),
        (b"<html>", "malformed"),
    ],
)
def test_a_name_that_is_another_pods_by_now_leads_nowhere(api, pod, place, says, words):
    api.says = says
    with pytest.raises(NotReady, match=words):
        targets.target_of(place)


def test_where_a_pod_is_now_is_told_of_our_rows_alone(api, pod, listener):
    assert addresses.now(pod.pk, listener) == "127.64.0.1"
    for pk, port in ((pod.pk + 1, listener), (pod.pk, listener + 1)):
        with pytest.raises(NotReady, match="gone"):
            addresses.now(pk, port)
    api.says["metadata"]["uid"] = "other"  # made anew, under the same name
    with pytest.raises(NotReady, match="another"):
        addresses.now(pod.pk, listener)


@pytest.mark.parametrize(
    "heard", [ApiError(503, "ServiceUnavailable", "nothing of it listens there"), Unreachable("refused")]
)
def test_on_a_shared_machine_what_listens_may_be_a_stranger_unless_the_cluster_says_it_is_not(
    api, pod, listener, heard
):
    api.heard = heard
    with pytest.raises(NotReady):
        addresses.now(pod.pk, listener)
    assert api.knocked == [PROXY.format(listener) + "/"]


@pytest.mark.parametrize("heard", [Silent("timed out"), ApiError(401, "", "sign in")])
def test_a_tool_that_is_busy_or_refuses_is_the_pods_all_the_same(api, pod, listener, heard):
    api.heard = heard
    assert addresses.now(pod.pk, listener) == "127.64.0.1"


def test_where_a_pod_has_its_address_for_itself_no_tool_is_asked_whose_it_is(api, pod, listener):
    pod.cluster.pod_network, api.says["status"]["podIP"] = "10.0.0.0/8", "10.0.0.7"
    pod.cluster.save()
    assert addresses.now(pod.pk, listener) == "10.0.0.7"
    assert not api.knocked


async def test_each_new_connection_looks_where_the_pod_is_now(monkeypatch):
    def now(pk, port):
        if (pk, port) != (17, 8888) or not places:
            raise NotReady("gone")
        return places.pop()

    places, resolver = ["fd12::1", "10.0.0.1"], Resolver()
    monkeypatch.setattr(addresses, "now", now)
    found = [await resolver.resolve("17.pod.invalid", 8888) for _ in range(2)]
    assert [(one[0]["host"], one[0]["port"]) for one in found] == [("10.0.0.1", 8888), ("fd12::1", 8888)]
    for host in ("17.pod.invalid", "18.pod.invalid", "0.pod.invalid", "17.pod.invalid.example.invalid"):
        with pytest.raises(OSError):
            await resolver.resolve(host, 8888)


class Looks:
    """Stands for `addresses.now`: each look waits until it is told to go on, and finds its own number."""

    def __init__(self):
        self.begun, self.go_on = [], threading.Semaphore(0)

    def __call__(self, pk, port):
        self.begun.append((pk, port))
        mine = len(self.begun)
        assert self.go_on.acquire(timeout=30)
        if pk == 13:
            raise NotReady("gone")
        return f"10.0.0.{mine}"

    async def until_begun(self, count):
        async with asyncio.timeout(30):
            while len(self.begun) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
def looks(monkeypatch):
    found = Looks()
    monkeypatch.setattr(addresses, "now", found)
    return found


def _wanted(resolver, count, pod=17):
    """So many connections that are opened now."""
    return [asyncio.create_task(resolver.resolve(f"{pod}.pod.invalid", 8888)) for _ in range(count)]


async def _led_to(connections):
    async with asyncio.timeout(30):
        return [found[0]["host"] for found in await asyncio.gather(*connections)]


async def test_connections_of_one_moment_share_a_look_that_began_after_they_were_wanted(looks):
    resolver = Resolver()
    first = _wanted(resolver, 3)
    await looks.until_begun(1)
    later = _wanted(resolver, 20)  # what is on its way may be older than the end of the tool
    await asyncio.sleep(0)
    later += _wanted(resolver, 20)
    assert len(looks.begun) == 1
    looks.go_on.release()
    assert await _led_to(first) == ["10.0.0.1"] * 3
    await looks.until_begun(2)
    looks.go_on.release()
    assert await _led_to(later) == ["10.0.0.2"] * 40
    looks.go_on.release()
    assert await _led_to(_wanted(resolver, 1)) == ["10.0.0.3"]
    assert looks.begun == [(17, 8888)] * 3


async def test_one_who_goes_away_leaves_the_look_to_the_others(looks):
    resolver = Resolver()
    gone, stays = _wanted(resolver, 2)
    await looks.until_begun(1)
    gone.cancel()
    looks.go_on.release()
    assert await _led_to([stays]) == ["10.0.0.1"]
    assert gone.cancelled()


async def test_a_look_that_finds_nobody_is_no_answer_for_who_comes_later_and_none_for_other_pods(looks):
    resolver = Resolver()
    lost = _wanted(resolver, 2, pod=13)
    await looks.until_begun(1)
    others = _wanted(resolver, 1)
    await looks.until_begun(2)
    again = _wanted(resolver, 1, pod=13)
    looks.go_on.release(3)
    assert [str(one) for one in await asyncio.gather(*lost, *again, return_exceptions=True)] == ["gone"] * 3
    assert await _led_to(others) == ["10.0.0.2"]
    assert looks.begun == [(13, 8888), (17, 8888), (13, 8888)]


def test_the_pod_of_another_projects_workload_is_no_target(api, pod, eve):
    other = Place(pod.workload_id + 1, "jupyter")
    with pytest.raises(NotReady, match="no such tool"):
        targets.target_of(other)
