"""A server that dies loses no pod, starts none twice, and never touches a process that is not its own."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from localcluster.node.attempt import MARK, Attempt, Record, Spec
from localcluster.node.proc import Identity, boot_id, marked_with, start_ticks
from localcluster.registry import Registry
from localcluster.store import Store
from tests.localcluster.running import (
    Server,
    alive,
    container,
    eventually,
    job,
    pod,
    process_of,
    shell,
    state,
)

COUNT_UNTIL = "n=0; until [ -e {file} ]; do echo $n; n=$((n+1)); sleep 0.02; done; exit {code}"
COUNT = "n=0; while [ $n -lt {last} ]; do echo $n; n=$((n+1)); sleep 0.02; done; exit {code}"


def numbers(text):
    return [int(line) for line in text.split()]


def wait_for(probe, seconds=60):
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def test_a_pod_outlives_a_killed_server_and_is_taken_up_again(server, tmp_path):
    enough = tmp_path / "enough"
    server.create("pods", pod("one", shell(COUNT_UNTIL.format(file=enough, code=7))))
    process = process_of(server.until("one", "Running"))
    server.kill()
    assert alive(process)
    server.start()
    running = server.get("pods", "one")
    assert (running["status"]["phase"], process_of(running)) == ("Running", process)
    enough.touch()
    ended = server.until("one", "Failed")
    assert state(ended)[1]["exitCode"] == 7
    assert ended["status"]["containerStatuses"][0]["restartCount"] == 0
    counted = numbers(server.log("one"))
    assert counted == list(range(len(counted)))
    assert len(counted) > 1


def test_what_ended_while_no_server_ran_is_reported(server):
    server.create("pods", pod("one", shell(COUNT.format(last=20, code=9))))
    process = process_of(server.until("one", "Running"))
    server.kill()
    wait_for(lambda: not alive(process))
    server.start()
    ended = server.until("one", "Failed")
    assert state(ended)[1]["exitCode"] == 9
    assert numbers(server.log("one")) == list(range(20))


def test_a_pod_deleted_just_before_the_crash_is_gone_after_it(server):
    server.create(
        "pods",
        pod("one", shell("trap '' TERM; while :; do sleep 0.05; done"), terminationGracePeriodSeconds=2),
    )
    process = process_of(server.until("one", "Running"))
    server.http.delete("/api/v1/namespaces/default/pods/one").raise_for_status()
    server.kill()
    server.start()
    wait_for(lambda: not server.pods())
    assert not alive(process)


def test_a_pod_whose_object_went_while_no_server_ran_is_ended_and_removed(server):
    server.create("pods", pod("one", container("sleep", "60")))
    process = process_of(server.until("one", "Running"))
    server.kill()
    store = Store(server.home / "objects.db")
    Registry(store).delete("pods", "default", "one", grace=0)
    store.close()
    server.start()
    wait_for(lambda: not alive(process))
    wait_for(lambda: not list((server.home / "pods").iterdir()))


def test_a_renamed_machine_keeps_its_pods(server):
    server.create("pods", pod("one", container("sleep", "60")))
    process = process_of(server.until("one", "Running"))
    server.kill()
    server.start(node="renamed")
    assert process_of(server.get("pods", "one")) == process
    nodes = server.http.get("/api/v1/nodes").json()["items"]
    assert [one["metadata"]["name"] for one in nodes] == ["renamed"]
    server.http.delete("/api/v1/namespaces/default/pods/one").raise_for_status()
    wait_for(lambda: not server.pods())
    assert not alive(process)


def test_killing_the_server_again_and_again_neither_loses_nor_doubles_a_pod(server):
    server.create(
        "jobs", job("work", shell("echo once >> $TMPDIR/../runs; sleep 0.3"), completions=6, parallelism=2)
    )
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        time.sleep(pause)
        server.kill()
        server.start()
    wait_for(lambda: server.get("jobs", "work")["status"].get("completionTime"))
    status = server.get("jobs", "work")["status"]
    assert (status["succeeded"], status.get("failed", 0)) == (6, 0)
    assert len(server.pods()) == 6
    runs = [path.read_text() for path in server.home.glob("pods/*/runs")]
    assert runs == ["once\n"] * 6


def test_an_orderly_stop_ends_pods_keeps_logs_and_starts_nothing_again(server):
    server.create("pods", pod("one", shell("echo up; sleep 60")))
    process = process_of(server.until("one", "Running"))
    wait_for(lambda: server.log("one"))
    assert server.stop() == 0
    assert not alive(process)
    server.start()
    ended = server.get("pods", "one")["status"]
    assert (ended["phase"], ended["reason"]) == ("Failed", "NodeShutdown")
    assert server.log("one") == "up\n"


def test_a_killed_shim_takes_its_container_with_it(server):
    server.create("pods", pod("one", shell("setsid sleep 600 & sleep 600")))
    running = server.until("one", "Running")
    process = psutil.Process(process_of(running))
    family = [process.pid, *(one.pid for one in wait_for(process.children))]
    process.parent().kill()
    ended = server.until("one", "Failed")
    assert state(ended)[1]["reason"] == "ContainerStatusUnknown"
    assert not any(alive(pid) for pid in family)


def test_a_daemon_of_a_hook_lives_through_the_end_of_the_server_and_ends_with_its_run(server):
    daemon = {"exec": {"command": ["sh", "-c", "setsid sleep 600 > /dev/null 2>&1 & "]}}
    server.create("pods", pod("one", container("sleep", "60", lifecycle={"postStart": daemon})))
    mark = f"{MARK}={server.get('pods', 'one')['metadata']['uid']}/main/0"
    wait_for(lambda: len(marked_with(mark)) == 2)
    server.kill()
    assert len(marked_with(mark)) == 2
    server.start()
    os.kill(process_of(server.until("one", "Running")), signal.SIGKILL)
    server.until("one", "Failed")
    wait_for(lambda: not marked_with(mark))


def test_the_shim_is_small(server):
    server.create("pods", pod("one", container("sleep", "60")))
    shim = psutil.Process(process_of(server.until("one", "Running"))).parent()
    assert shim.memory_full_info().uss < 8 * 2**20


@pytest.fixture
def stranger():
    """A process that is none of ours."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_pid_that_now_is_another_process_is_never_signalled(stranger):
    assert not Identity(stranger.pid, "12345").signal(signal.SIGKILL)
    assert alive(stranger.pid)
    assert Identity(stranger.pid, start_ticks(stranger.pid)).signal(signal.SIGKILL)


@pytest.mark.parametrize("boot", ["this", "earlier"])
async def test_a_state_file_that_points_at_a_stranger_harms_nobody(tmp_path, stranger, boot):
    same_ticks = start_ticks(stranger.pid)
    start = "12345" if boot == "this" else same_ticks
    identity = f"{stranger.pid} {start}"
    boot = boot_id() if boot == "this" else "some-earlier-boot"
    (tmp_path / "state").write_text(
        f"phase=running\nboot={boot}\nshim={identity}\nchild={identity}\nstarted_at=5\n"
    )
    attempt = Attempt(tmp_path, "test/stranger/0", lambda: None)
    attempt.adopt()
    attempt.stop(0)
    assert attempt.record.reason == "ContainerStatusUnknown"
    assert alive(stranger.pid)


async def test_two_shims_for_one_run_start_one_command(tmp_path):
    mark = f"test/{os.getpid()}/0"
    spec = Spec([sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"], {}, "/")
    first, second = (Attempt(tmp_path / "run", mark, lambda: None) for _ in range(2))
    first.start(spec)
    second.start(spec)
    await eventually(lambda: first.running and second.running)
    assert first.record.child == second.record.child
    assert len(marked_with(f"{MARK}={mark}")) == 1
    first.stop(0)
    await eventually(lambda: first.exited and second.exited)
    assert first.record.exit_code == second.record.exit_code == 137


async def test_a_run_that_was_prepared_but_never_begun_is_begun(tmp_path, monkeypatch):
    prepared = Attempt(tmp_path / "run", "test/prepared/0", lambda: None)
    monkeypatch.setattr(prepared, "_launch", lambda: None)  # the server dies here
    prepared.start(Spec(["sh", "-c", "exit 5"], {"PATH": os.defpath}, "/"))
    adopted = Attempt(tmp_path / "run", "test/prepared/0", lambda: None)
    adopted.adopt()
    await eventually(lambda: adopted.exited)
    assert adopted.record.exit_code == 5


async def test_a_stop_before_the_command_runs_is_not_lost(tmp_path):
    attempt = Attempt(tmp_path / "run", "test/early/0", lambda: None)
    attempt.start(Spec([sys.executable, "-c", "import time; time.sleep(600)"], {}, "/"))
    attempt.stop(1)
    await eventually(lambda: attempt.exited)
    assert attempt.record.exit_code in (137, 143)


def test_an_empty_state_file_says_nothing(tmp_path):
    (tmp_path / "state").write_text("")
    assert Record.read(tmp_path / "state") is None


async def test_an_end_is_told_without_anybody_asking(tmp_path):
    ends = asyncio.Event()
    attempt = Attempt(tmp_path / "run", "test/quick/0", lambda: ends.set() if attempt.exited else None)
    attempt.start(Spec(["sleep", "600"], {"PATH": os.defpath}, "/"))
    await eventually(lambda: attempt.running)
    attempt.record.child.signal(signal.SIGKILL)
    await asyncio.wait_for(ends.wait(), 60)


def test_a_server_can_be_built_anew_on_the_same_folder(tmp_path):
    for _ in range(2):
        assert Server(tmp_path).start().stop() == 0
