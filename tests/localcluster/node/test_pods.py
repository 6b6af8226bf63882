"""What a pod does on the node: it starts, runs, ends, and its status says so in Kubernetes' words."""

import errno
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from localcluster.backoff import Backoff
from localcluster.logoptions import LogOptions
from localcluster.node import attendant, shim, usage
from localcluster.node.addresses import pod_ip
from localcluster.node.attempt import MARK, Attempt, Record
from localcluster.node.container import Container
from localcluster.node.proc import marked_with
from tests.localcluster.running import (
    NODE,
    Cluster,
    alive,
    condition,
    container,
    eventually,
    pod,
    process_of,
    python,
    restarts,
    shell,
    state,
)


async def test_a_pod_runs_to_its_end(cluster):
    cluster.run("one", shell("echo hello; exit 0"))
    ended = await cluster.ended("one")
    assert ended["status"]["phase"] == "Succeeded"
    assert ended["spec"]["nodeName"] == NODE
    kind, details = state(ended)
    assert (kind, details["exitCode"], details["reason"]) == ("terminated", 0, "Completed")
    assert condition(ended, "Ready") == ("False", "PodCompleted")
    assert condition(ended, "PodScheduled") == ("True", None)
    assert await cluster.log("one") == b"hello\n"
    assert {"Scheduled", "Pulled", "Created", "Started"} <= {reason for reason, _ in cluster.events("one")}


async def test_a_running_pod_is_ready_and_names_its_process(cluster):
    cluster.run("one", container("sleep", "60"))
    running = await cluster.running("one")
    assert condition(running, "Ready") == ("True", None)
    assert running["status"]["hostIP"] == "127.0.0.1"
    assert running["status"]["podIP"] == pod_ip(running)
    assert alive(process_of(running))


async def test_a_failing_command_fails_its_pod_with_the_exit_code(cluster):
    cluster.run("one", shell("exit 42"))
    ended = await cluster.ended("one")
    assert ended["status"]["phase"] == "Failed"
    assert state(ended)[1]["exitCode"] == 42
    assert state(ended)[1]["reason"] == "Error"


async def test_a_pod_killed_from_outside_says_by_which_signal(cluster):
    cluster.run("one", container("sleep", "60"))
    os.kill(process_of(await cluster.running("one")), signal.SIGKILL)
    details = state(await cluster.ended("one"))[1]
    assert (details["exitCode"], details["signal"]) == (137, 9)


async def test_a_pod_without_a_command_is_like_a_bad_image(cluster):
    cluster.run("one", {"name": "main", "image": "example/app:1"})
    await eventually(lambda: cluster.pod("one")["status"].get("containerStatuses"))
    kind, details = state(cluster.pod("one"))
    assert kind == "waiting"
    assert details["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert "runs no images, so the container needs a command" in details["message"]
    await eventually(lambda: state(cluster.pod("one"))[1]["reason"] == "ImagePullBackOff")
    assert cluster.phase("one") == "Pending"
    assert ("Failed", "Error: ErrImagePull") in cluster.events("one")


async def test_a_command_that_does_not_exist_is_named(cluster):
    cluster.run("one", container("no-such-program", "--flag"))
    details = state(await cluster.ended("one"))[1]
    assert (details["exitCode"], details["reason"]) == (127, "StartError")
    assert details["message"] == 'exec: "no-such-program": executable file not found in $PATH'


async def test_a_file_that_is_no_program_cannot_start(cluster, tmp_path):
    (tmp_path / "data").write_text("not a program")
    cluster.run("one", container(str(tmp_path / "data")))
    details = state(await cluster.ended("one"))[1]
    assert (details["exitCode"], details["reason"]) == (128, "StartError")
    assert "Permission denied" in details["message"]


async def test_python_is_there_even_where_the_path_has_none(cluster, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    cluster.run("one", container("python", "-c", "import psutil; print('found')"))
    await cluster.ended("one")
    assert await cluster.log("one") == b"found\n"


async def test_init_containers_run_in_order_before_the_others(cluster):
    steps = [shell(f"echo {n} >> steps", name=f"step-{n}") for n in (1, 2)]
    cluster.run("one", shell("cat steps"), initContainers=steps)
    ended = await cluster.ended("one")
    assert await cluster.log("one") == b"1\n2\n"
    assert condition(ended, "Initialized") == ("True", None)


async def test_a_failing_init_container_fails_the_pod_and_nothing_else_starts(cluster):
    cluster.run("one", shell("echo never"), initContainers=[shell("exit 3", name="step")])
    ended = await cluster.ended("one")
    assert ended["status"]["phase"] == "Failed"
    assert state(ended, "step")[1]["exitCode"] == 3
    assert state(ended)[0] == "waiting"
    assert condition(ended, "Initialized") == ("False", "ContainersNotInitialized")


async def test_a_pod_that_waits_for_its_init_container_says_pod_initializing(cluster):
    cluster.run("one", shell("true"), initContainers=[container("sleep", "60", name="step")])
    await eventually(lambda: cluster.pod("one")["status"].get("initContainerStatuses"))
    await eventually(lambda: state(cluster.pod("one"), "step")[0] == "running")
    assert state(cluster.pod("one")) == ("waiting", {"reason": "PodInitializing"})


async def test_a_sidecar_serves_while_the_others_run_and_ends_after_them(cluster):
    helper = shell("echo up; sleep 60", name="helper", restartPolicy="Always")
    cluster.run("one", shell("exit 0"), initContainers=[helper])
    assert (await cluster.ended("one"))["status"]["phase"] == "Succeeded"
    assert await cluster.log("one", "helper") == b"up\n"


async def test_restarts_back_off_and_the_previous_log_stays(cluster):
    cluster.run("one", shell("echo run $(wc -l < runs); echo x >> runs; exit 1"), restartPolicy="Always")
    await eventually(
        lambda: restarts(cluster.pod("one")) >= 2 if cluster.phase("one") == "Running" else False
    )
    await eventually(lambda: state(cluster.pod("one"))[0] == "waiting")
    waiting = cluster.pod("one")
    assert state(waiting)[1]["reason"] == "CrashLoopBackOff"
    assert "restarting failed container=main pod=one_default(" in state(waiting)[1]["message"]
    assert waiting["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1
    assert "BackOff" in {reason for reason, _ in cluster.events("one")}
    assert (await cluster.log("one", previous=True)).startswith(b"run ")


async def test_while_the_next_run_starts_status_and_log_are_those_of_the_run_before(cluster):
    script = "echo run $(wc -l < runs); echo x >> runs; test $(wc -l < runs) -eq 1 && exit 1; sleep 60"
    pod = cluster.run("one", shell("touch runs; " + script), restartPolicy="Always")
    await eventually(lambda: cluster.phase("one") == "Running" and restarts(cluster.pod("one")) == 1)
    await cluster.logged("one", b"run 1")
    found = cluster.node.workers[pod["metadata"]["uid"]].container("main")
    found.attempt.record = None  # not seen yet
    assert found.status("")["restartCount"] == 0
    assert await cluster.log("one") == b"run 0\n"


async def test_on_failure_restarts_until_success(cluster):
    cluster.run("one", shell("echo x >> runs; test $(wc -l < runs) -ge 3"), restartPolicy="OnFailure")
    ended = await cluster.ended("one")
    assert ended["status"]["phase"] == "Succeeded"
    assert restarts(ended) == 2


def test_back_off_doubles_from_ten_seconds_to_five_minutes():
    assert [Backoff().delay(n) for n in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]


async def test_deleting_lets_the_command_end_within_its_grace(cluster):
    cluster.run("one", shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"))
    await cluster.running("one")
    await cluster.logged("one", b"up")
    follow = cluster.node.logs("default", "one", "main", LogOptions(follow=True))
    cluster.registry.delete("pods", "default", "one")
    text = b"".join([chunk async for chunk in follow])
    assert b"bye\n" in text
    await cluster.gone("one")
    assert ("Killing", "Stopping container main") in cluster.events("one")
    await eventually(lambda: not list((cluster.home / "pods").iterdir()))


async def test_a_command_that_ignores_term_is_killed_after_the_grace(cluster):
    script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    cluster.run("one", shell(script), terminationGracePeriodSeconds=1)
    process = process_of(await cluster.running("one"))
    await cluster.logged("one", b"up")
    asked = time.monotonic()
    cluster.registry.delete("pods", "default", "one")
    await cluster.gone("one")
    assert time.monotonic() - asked > 0.9
    assert not alive(process)


async def test_a_second_deletion_with_less_grace_shortens_the_first(cluster):
    cluster.run(
        "one", shell("trap '' TERM; echo up; while :; do sleep 0.05; done"), terminationGracePeriodSeconds=300
    )
    await cluster.running("one")
    await cluster.logged("one", b"up")
    cluster.registry.delete("pods", "default", "one")
    cluster.registry.delete("pods", "default", "one", grace=1)
    await cluster.gone("one")


async def test_children_that_leave_their_parents_are_ended_too(cluster):
    fork_twice = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1); os.close(2)
        open("grandchild", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists("grandchild") or not open("grandchild").read(): time.sleep(0.01)
print(open("grandchild").read(), flush=True)
time.sleep(600)
"""
    cluster.run("one", python(fork_twice))
    await cluster.running("one")
    await cluster.logged("one", b"\n")
    grandchild = int(await cluster.log("one"))
    assert alive(grandchild)
    cluster.registry.delete("pods", "default", "one", grace=1)
    await cluster.gone("one")
    assert not alive(grandchild)


async def test_what_a_finished_command_leaves_running_is_ended(cluster):
    cluster.run("one", shell("setsid sleep 600 > /dev/null 2>&1 & echo $!"))
    await cluster.ended("one")
    assert not alive(int(await cluster.log("one")))


@pytest.mark.parametrize("policy", ["Never", "Always"])
async def test_what_a_hook_leaves_running_ends_with_the_run_that_it_was_for(cluster, policy):
    daemon = {"exec": {"command": ["sh", "-c", "setsid sleep 600 > /dev/null 2>&1 &"]}}
    one = container("sleep", "600", lifecycle={"postStart": daemon})
    uid = cluster.run("one", one, restartPolicy=policy)["metadata"]["uid"]
    process = process_of(await cluster.running("one"))
    await eventually(lambda: len(marked_with(f"{MARK}={uid}/main/0")) == 2)
    os.kill(process, signal.SIGKILL)
    await eventually(lambda: not marked_with(f"{MARK}={uid}/main/0"))


async def test_a_pod_that_is_force_deleted_leaves_no_process(cluster):
    cluster.run("one", container("sleep", "60"))
    process = process_of(await cluster.running("one"))
    cluster.registry.delete("pods", "default", "one", grace=0)
    await eventually(lambda: not alive(process))
    await eventually(lambda: not list((cluster.home / "pods").iterdir()))


async def test_a_pod_ends_when_its_active_deadline_is_over(cluster):
    cluster.run("one", container("sleep", "60"), activeDeadlineSeconds=1)
    ended = await cluster.ended("one")
    assert (ended["status"]["phase"], ended["status"]["reason"]) == ("Failed", "DeadlineExceeded")


async def test_a_container_over_its_memory_limit_is_killed(cluster):
    greedy = "data = b'x' * 200_000_000; print('held', flush=True); import time; time.sleep(60)"
    cluster.run("one", python(greedy, resources={"limits": {"memory": "64Mi"}}))
    details = state(await cluster.ended("one"))[1]
    assert (details["exitCode"], details["reason"], details["signal"]) == (137, "OOMKilled", 9)


async def test_both_ways_to_find_a_tree_agree(cluster):
    cluster.run("one", shell("sleep 60 & sleep 60 & wait"))
    shim = psutil.Process(process_of(await cluster.running("one"))).ppid()
    await eventually(lambda: len(usage.trees([shim])[shim]) == 3)
    assert sorted(usage.trees([shim])[shim]) == sorted(usage.trees_in_one_pass([shim])[shim])


async def test_post_start_and_pre_stop_hooks_run(cluster, tmp_path):
    hooks = {
        "postStart": {"exec": {"command": ["touch", str(tmp_path / "started")]}},
        "preStop": {"exec": {"command": ["touch", str(tmp_path / "stopping")]}},
    }
    cluster.run("one", container("sleep", "60", lifecycle=hooks))
    await eventually((tmp_path / "started").exists)
    cluster.registry.delete("pods", "default", "one")
    await cluster.gone("one")
    assert (tmp_path / "stopping").exists()


async def test_shutting_the_node_down_ends_pods_and_says_so(tmp_path):
    cluster = await Cluster(tmp_path).start()
    cluster.run("one", container("sleep", "60"))
    cluster.run(
        "stubborn", shell("trap '' TERM; while :; do sleep 0.05; done"), terminationGracePeriodSeconds=1
    )
    processes = [process_of(await cluster.running(name)) for name in ("one", "stubborn")]
    await cluster.controllers.stop()
    await cluster.node.stop()
    for name in ("one", "stubborn"):
        status = cluster.pod(name)["status"]
        assert (status["phase"], status["reason"]) == ("Failed", "NodeShutdown")
        assert status["message"] == "Pod was terminated in response to imminent node shutdown."
    assert not any(alive(pid) for pid in processes)
    node = cluster.registry.get("nodes", None, NODE)
    assert condition(node, "Ready") == ("False", "KubeletNotReady")
    cluster.store.close()


async def test_a_pod_with_a_hostile_annotation_does_not_stop_the_others(cluster):
    bad = pod("bad", shell("true"))
    bad["metadata"]["annotations"] = {"x": "\x00\ud7ff" * 1000}
    bad["spec"]["containers"][0]["env"] = [{"name": "ZERO", "value": "a\x00b"}]
    cluster.create("pods", bad)
    cluster.run("good", shell("true"))
    assert (await cluster.ended("good"))["status"]["phase"] == "Succeeded"
    assert state(await cluster.ended("bad"))[1]["reason"] == "StartError"


async def test_every_process_of_a_container_carries_its_mark(cluster):
    created = cluster.run("one", container("sleep", "60"))
    running = await cluster.running("one")
    marked = marked_with(f"{MARK}={created['metadata']['uid']}/main/0")
    assert [one.pid for one in marked] == [process_of(running)]


async def test_a_hook_that_breaks_does_not_keep_its_container(cluster, monkeypatch):
    async def broken(*_):
        raise KeyError("a fault of ours")

    cluster.run("one", container("sleep", "60", lifecycle={"preStop": {"exec": {"command": ["true"]}}}))
    await cluster.running("one")
    monkeypatch.setattr(attendant, "ask", broken)
    cluster.registry.delete("pods", "default", "one")
    await cluster.gone("one")


async def test_a_full_disk_does_not_keep_a_pod_from_being_stopped(cluster, monkeypatch):
    cluster.run("one", container("sleep", "60"))
    process = process_of(await cluster.running("one"))
    monkeypatch.setattr(Path, "write_text", _no_space)
    cluster.registry.delete("pods", "default", "one")
    await cluster.gone("one")
    assert not alive(process)


def _no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_how_a_container_ended_is_written_once_the_disk_has_room(tmp_path, monkeypatch):
    ended, tried = shim.State(str(tmp_path)), []

    def full(path, *mode):
        tried.append(path)
        return _no_space() if len(tried) < 3 else os.open(path, *mode)

    monkeypatch.setattr(shim, "RETRY_SECONDS", 0)
    monkeypatch.setattr(shim, "os", SimpleNamespace(**{**vars(os), "open": full}))
    ended.write_at_last(phase="exited", exit_code="0")
    assert len(tried) == 3
    assert Record.read(tmp_path / "state").phase == "exited"


def test_a_clock_that_was_set_back_does_not_prolong_the_back_off(tmp_path):
    one = Container(container("true"), tmp_path, "", lambda: None, False)
    one.attempt, one.failures = Attempt(tmp_path, "", lambda: None), 5
    one.attempt.record = Record("exited", finished_at=time.time_ns() + 3600 * 10**9)
    assert one.retry_at(Backoff()) <= time.time()
