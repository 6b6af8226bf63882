"""What pods use is told as a kubelet tells it: whole trees, the dead too, counters that never go back."""

import asyncio
import shlex
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from localcluster.node import measuring, usage
from localcluster.node.measuring import Counters, Figures, Interval, Look, Machine, Meter, Subject
from tests.embedded import until
from tests.localcluster.running import NODE, container, eventually, pod, python, shell

MACHINE = Machine(2, 2**30, 100.0, 2**20, 0.0, ())
SPIN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def spin(seconds):
    """A shell command that uses this much CPU and ends."""
    return f"{sys.executable} -c {shlex.quote(SPIN.format(seconds))}"


def figures(cluster, name="one"):
    """Now, past the cache."""
    taken = measuring.take(cluster.node.subjects(), usage.Memories())
    return next((one for one in taken.containers if one.subject.pod == name), None)


async def samples(cluster, path, pod="one"):
    body, media = await cluster.node.door.page(path)
    assert media.startswith("text/plain; version=0.0.4")
    found = [sample for family in parsed(body.decode()) for sample in family.samples]
    return {one.name: one for one in found if one.labels.get("pod") == pod}


async def test_memory_and_cpu_are_those_of_the_whole_tree(cluster):
    child = "x = bytearray(50_000_000)\nwhile True: pass"
    cluster.run("one", python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"))
    await cluster.running("one")
    found = await eventually(lambda: (one := figures(cluster)) and one.anonymous_bytes > 50_000_000 and one)
    assert found.processes == 2
    assert found.working_set_bytes >= found.anonymous_bytes > 50_000_000
    await eventually(lambda: figures(cluster).counters.cpu_seconds > found.counters.cpu_seconds + 0.1)


@pytest.mark.parametrize(
    "how", ["{0}; {0}; echo done; sleep 60", "(setsid {0} &) ; {0}; echo done; sleep 60"]
)
async def test_processes_that_died_between_two_looks_keep_their_cpu_counted(cluster, how):
    """Also those that had left their parents: two spins of 0.3 s, of which nobody ever sees one."""
    cluster.run("one", shell(how.format(spin(0.3))))
    await cluster.running("one")
    await cluster.logged("one", b"done")
    found = await eventually(lambda: (one := figures(cluster)).counters.cpu_seconds >= 0.6 and one)
    assert found.counters.cpu_seconds < 5
    await eventually(lambda: figures(cluster).processes == 2)
    assert figures(cluster).counters.cpu_seconds >= 0.6


async def test_a_counter_never_goes_back_and_begins_anew_with_the_next_run(cluster, monkeypatch):
    def look(number, cpu, read):
        subject = Subject("default", "one", "uid", "main", "", number, 1, 0.0, 0)
        return Look(time.time(), MACHINE, [Figures(subject, Counters(cpu, read, read), 0, 0, 1, 1)])

    told = iter([look(0, 5.0, None), look(0, 4.0, 10), look(0, 6.0, 9), look(1, 0.5, 0)])
    monkeypatch.setattr(measuring, "take", lambda *_: next(told))
    monkeypatch.setattr(measuring, "FRESH_SECONDS", 0)
    meter = Meter()
    seen = [(await meter.look([])).containers[0].counters for _ in range(4)]
    assert [one.cpu_seconds for one in seen] == [5.0, 5.0, 6.0, 0.5]
    assert [one.read_bytes for one in seen] == [None, 10, 10, 0]


async def test_many_who_ask_at_once_share_one_look(monkeypatch):
    taken = []
    monkeypatch.setattr(measuring, "take", lambda *_: taken.append(1) or Look(time.time(), MACHINE))
    meter = Meter()
    looks = await asyncio.gather(*(meter.look([]) for _ in range(10)))
    assert len(taken) == len({id(look) for look in looks}) == 1


async def test_a_rate_is_the_mean_between_two_looks_and_since_its_start_for_a_new_container():
    def one(uid, started, cpu):
        subject = Subject("default", uid, uid, "main", "", 0, 1, started, 0)
        return Figures(subject, Counters(cpu), 0, 0, 1, 1)

    old, new = one("old", 50.0, 30.0), one("new", 108.0, 1.0)
    interval = Interval(Look(100.0, MACHINE, [one("old", 50.0, 25.0)]), Look(110.0, MACHINE, [old, new]))
    assert interval.millicores(old) == (500, 10.0)
    assert interval.millicores(new) == (500, 2.0)


async def test_cadvisor_names_and_labels(cluster):
    limits = {"resources": {"limits": {"memory": "1Gi"}}}
    cluster.run("one", container("sleep", "60", **limits))
    running = await cluster.running("one")
    found = await samples(cluster, "/metrics/cadvisor")
    uid = running["metadata"]["uid"]
    labels = {"container": "main", "namespace": "default", "pod": "one", "image": "example/app:1"}
    labels |= {"id": f"/kubepods/pod{uid}/main/0", "name": f"{uid}/main/0"}
    assert found["container_memory_working_set_bytes"].labels == labels
    assert found["container_cpu_usage_seconds_total"].labels == labels | {"cpu": "total"}
    assert found["container_spec_memory_limit_bytes"].value == 2**30
    assert found["container_start_time_seconds"].value == pytest.approx(time.time(), abs=60)
    assert found["container_memory_working_set_bytes"].timestamp == pytest.approx(time.time(), abs=60)
    assert {"container_fs_reads_bytes_total", "container_fs_writes_bytes_total"} <= set(found)
    assert not [name for name in found if "network" in name]  # a pod has none of its own
    whole = await samples(cluster, "/metrics/cadvisor", pod="")
    assert whole["container_cpu_usage_seconds_total"].labels["id"] == "/"
    assert whole["container_memory_working_set_bytes"].value > 0


async def test_the_short_list_of_a_kubelet(cluster):
    cluster.run("one", container("sleep", "60"), container("sleep", "60", name="beside"))
    await cluster.running("one")
    body = (await cluster.node.door.page("metrics/resource"))[0].decode()
    families = {family.name: family for family in parsed(body)}
    names = {one.labels["container"] for one in families["container_memory_working_set_bytes"].samples}
    assert names == {"main", "beside"}
    each = sum(one.value for one in families["container_memory_working_set_bytes"].samples)
    assert families["pod_memory_working_set_bytes"].samples[0].value == each
    assert families["node_memory_working_set_bytes"].samples[0].value > each
    assert families["resource_scrape_error"].samples[0].value == 0


async def test_what_was_written_to_disk_is_counted(cluster):
    script = "import os\nwith open('data', 'wb') as f: f.write(bytes(8_000_000)); os.fsync(f.fileno())\n"
    cluster.run("one", shell(f"{sys.executable} -c {shlex.quote(script)}; echo done; sleep 60"))
    await cluster.running("one")
    await cluster.logged("one", b"done")
    assert figures(cluster).counters.written_bytes >= 8_000_000


async def test_metrics_k8s_io_tells_pods_and_node(cluster):
    cluster.run("one", container("sh", "-c", "while :; do :; done"), labels={"team": "red"})
    await cluster.running("one")
    (one,) = await cluster.node.door.pod_metrics()
    assert (one["kind"], one["metadata"]["name"]) == ("PodMetrics", "one")
    assert one["metadata"]["labels"] == {"team": "red"}
    assert one["window"].endswith("s")
    (used,) = [each["usage"] for each in one["containers"]]
    assert 0 < int(used["cpu"].removesuffix("m")) <= 1100
    assert int(used["memory"].removesuffix("Ki")) > 100
    (node,) = await cluster.node.door.node_metrics()
    assert int(node["usage"]["cpu"].removesuffix("m")) > 0
    assert int(node["usage"]["memory"].removesuffix("Ki")) > 1000


def test_memory_that_takes_long_to_look_up_is_looked_up_more_rarely(monkeypatch):
    told, clock = iter([usage.Memory(1, 1), usage.Memory(2, 2), usage.Memory(3, 3)]), [100.0]

    def slow(pid):
        clock[0] += 0.5
        return next(told)

    monkeypatch.setattr(usage, "memory", slow)
    monkeypatch.setattr(usage.time, "monotonic", lambda: clock[0])
    memories = usage.Memories()
    assert [memories.of(1, b"7").anonymous for _ in range(3)] == [1, 1, 1]
    assert memories.of(1, b"8").anonymous == 2  # another process by the same pid
    clock[0] += 60.0
    assert memories.of(1, b"7").anonymous == 3
    memories.forget_all_but({(1, b"7")})
    assert len(memories._read) == 1


def test_metrics_k8s_io_over_http(server):
    for name in ("one", "two"):
        server.create("pods", pod(name, container("sleep", "60"), labels={"app": name}))
        server.until(name, "Running")
    root = "/apis/metrics.k8s.io/v1beta1"
    every = server.http.get(f"{root}/pods").raise_for_status().json()
    assert (every["kind"], len(every["items"])) == ("PodMetricsList", 2)
    chosen = server.http.get(f"{root}/namespaces/default/pods", params={"labelSelector": "app=two"}).json()
    assert [one["metadata"]["name"] for one in chosen["items"]] == ["two"]
    assert server.http.get(f"{root}/namespaces/kube-system/pods").json()["items"] == []
    assert server.http.get(f"{root}/nodes/{NODE}").json()["kind"] == "NodeMetrics"
    assert server.http.get(f"{root}/namespaces/default/pods/three").status_code == 404
    assert server.http.get(f"{root}/pods", params={"watch": "1"}).status_code == 405
    assert server.http.post(f"{root}/namespaces/default/pods", json={}).status_code == 405
    assert server.http.get(f"{root}/pods", params={"labelSelector": "a in ("}).status_code == 400


def test_counters_go_on_where_a_killed_server_left_them(server):
    server.create("pods", pod("one", shell(f"{spin(0.5)}; echo done; sleep 60")))
    server.until("one", "Running")
    until(lambda: "done" in server.log("one"), 60)

    def seconds():
        text = server.http.get(f"/api/v1/nodes/{NODE}/proxy/metrics/resource").raise_for_status().text
        found = [one for family in parsed(text) for one in family.samples]
        return sum(one.value for one in found if one.name == "container_cpu_usage_seconds_total")

    before = seconds()
    assert before >= 0.5
    server.kill()
    server.start()
    assert until(seconds, 60) >= before
