"""What pods and jobs that run do, on any cluster that can run `sh` of a busybox image, or that plays what the
variables of a container say (controlplane/stages/pods.yaml).
"""

import pytest
from kubernetes.client import ApiException

from tests.contracts.objects import eventually

IMAGE = "busybox:1.36"


def program(name, script, *, seconds=None, code=0):
    """A container that runs `script`, for so long (None: until it is ended), and ends with `code`."""
    played = {"SIM_EXIT_CODE": str(code)} | ({} if seconds is None else {"SIM_RUN_SECONDS": str(seconds)})
    env = [{"name": key, "value": value} for key, value in played.items()]
    return {"name": name, "image": IMAGE, "command": ["sh", "-c", script], "env": env}


def running_pod(name, script, *, seconds=None, code=0, env=(), **spec):
    container = program("main", script, seconds=seconds, code=code)
    container["env"] += env
    container |= {key: spec.pop(key) for key in ("resources", "readinessProbe") if key in spec}
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 2} | spec
    return {"metadata": {"name": name}, "spec": spec}


def running_job(name, script, *, seconds=None, code=0, **spec):
    template = {"spec": running_pod(name, script, seconds=seconds, code=code)["spec"]}
    return {"metadata": {"name": name}, "spec": {"template": template} | spec}


@pytest.fixture
def pod_at(core, namespace):
    """A function: the pod of that name, once it has reached one of these phases."""

    def wait(name, *phases):
        def found():
            pod = core.read_namespaced_pod(name, namespace)
            return pod if pod.status.phase in phases else None

        return eventually(found)

    return wait


@pytest.fixture
def job_with(batch, namespace):
    """A function: the job of that name, once its status satisfies `probe`."""

    def wait(name, probe):
        def found():
            job = batch.read_namespaced_job(name, namespace)
            return job if probe(job.status) else None

        return eventually(found)

    return wait


@pytest.fixture
def events_of(core, namespace):
    def reasons(name):
        found = core.list_namespaced_event(namespace, field_selector=f"involvedObject.name={name}")
        return {one.reason for one in found.items}

    return reasons


def has(status, kind, value="True"):
    return any(one.type == kind and one.status == value for one in status.conditions or [])


def test_a_pod_runs_logs_and_succeeds(core, namespace, pod_at, events_of, let_write):
    script = "echo first; echo second; echo third"
    core.create_namespaced_pod(namespace, running_pod("one", script, seconds=0))
    let_write("one", "first", "second", "third")
    ended = pod_at("one", "Succeeded", "Failed")
    assert ended.status.phase == "Succeeded"
    assert ended.spec.node_name
    terminated = ended.status.container_statuses[0].state.terminated
    assert (terminated.exit_code, terminated.reason) == (0, "Completed")
    eventually(lambda: core.read_namespaced_pod_log("one", namespace) == "first\nsecond\nthird\n")
    assert core.read_namespaced_pod_log("one", namespace, tail_lines=1) == "third\n"
    stamped = core.read_namespaced_pod_log("one", namespace, timestamps=True).splitlines()
    assert [line.split()[1] for line in stamped] == ["first", "second", "third"]
    eventually(lambda: {"Scheduled", "Created", "Started"} <= events_of("one"))


def test_a_pod_that_fails_says_its_exit_code(core, namespace, pod_at):
    core.create_namespaced_pod(namespace, running_pod("one", "exit 42", seconds=0, code=42))
    ended = pod_at("one", "Failed")
    assert ended.status.container_statuses[0].state.terminated.exit_code == 42
    assert ended.status.container_statuses[0].state.terminated.reason == "Error"


def test_conditions_follow_a_pod_from_scheduled_to_ready(core, namespace, pod_at):
    core.create_namespaced_pod(namespace, running_pod("one", "sleep 60"))
    pod_at("one", "Running")
    eventually(lambda: has(core.read_namespaced_pod("one", namespace).status, "Ready"))
    status = core.read_namespaced_pod("one", namespace).status
    assert all(has(status, kind) for kind in ("PodScheduled", "Initialized", "ContainersReady"))
    assert status.container_statuses[0].ready
    assert status.container_statuses[0].state.running.started_at
    assert status.pod_ip
    assert status.start_time


def test_a_pod_is_gone_after_its_deletion(core, namespace, pod_at):
    core.create_namespaced_pod(namespace, running_pod("one", "sleep 60"))
    pod_at("one", "Running")
    deleted = core.delete_namespaced_pod("one", namespace)
    assert deleted.metadata.deletion_timestamp
    eventually(lambda: _is_gone(core.read_namespaced_pod, "one", namespace))


def _is_gone(read, name, namespace):
    try:
        read(name, namespace)
    except ApiException as error:
        return error.status == 404
    return False


@pytest.mark.programs
def test_following_a_log_ends_with_its_container(core, namespace, pod_at):
    core.create_namespaced_pod(namespace, running_pod("one", "for n in 1 2 3; do echo $n; sleep 0.2; done"))
    pod_at("one", "Running", "Succeeded")
    stream = core.read_namespaced_pod_log("one", namespace, follow=True, _preload_content=False)
    assert stream.read() == b"1\n2\n3\n"


@pytest.mark.programs
def test_a_pod_sees_secrets_config_maps_and_itself(core, namespace, pod_at):
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "cfg"}, "data": {"rate": "0.1"}})
    core.create_namespaced_secret(namespace, {"metadata": {"name": "key"}, "stringData": {"token": "s3cret"}})
    env = [
        {"name": "RATE", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "rate"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}},
        {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "ALL", "value": "$(RATE)-$(ME)"},
    ]
    core.create_namespaced_pod(namespace, running_pod("one", "echo $RATE $TOKEN $ME $ALL", env=env))
    pod_at("one", "Succeeded")
    assert core.read_namespaced_pod_log("one", namespace) == "0.1 s3cret one 0.1-one\n"


def test_init_containers_come_first(core, namespace, pod_at):
    init = program("step", "exit 3", code=3)
    core.create_namespaced_pod(namespace, running_pod("one", "echo never", initContainers=[init]))
    ended = pod_at("one", "Failed")
    assert ended.status.init_container_statuses[0].state.terminated.exit_code == 3
    assert ended.status.container_statuses[0].state.waiting.reason == "PodInitializing"


@pytest.mark.programs
def test_a_readiness_probe_decides(core, namespace, pod_at):
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    core.create_namespaced_pod(namespace, running_pod("one", "sleep 60", readinessProbe=probe))
    status = pod_at("one", "Running").status
    assert has(status, "Ready", "False")


def test_what_does_not_fit_stays_pending_and_says_why(core, namespace, events_of):
    resources = {"limits": {"nvidia.com/gpu": "4096"}}
    core.create_namespaced_pod(namespace, running_pod("one", "true", resources=resources))
    eventually(lambda: has(core.read_namespaced_pod("one", namespace).status, "PodScheduled", "False"))
    status = core.read_namespaced_pod("one", namespace).status
    condition = next(one for one in status.conditions if one.type == "PodScheduled")
    assert (status.phase, condition.reason) == ("Pending", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in condition.message
    eventually(lambda: "FailedScheduling" in events_of("one"))


def test_the_life_of_a_training(core, batch, namespace, job_with, let_write):
    """Create, run, stop, run again, complete, delete: the story Runyard lives on."""
    batch.create_namespaced_job(namespace, running_job("train", "echo step; sleep 2", seconds=2))
    first = job_with("train", lambda status: status.ready)
    assert first.status.active == 1
    [pod] = core.list_namespaced_pod(namespace, label_selector="batch.kubernetes.io/job-name=train").items
    assert pod.metadata.owner_references[0].uid == first.metadata.uid
    assert pod.metadata.owner_references[0].controller

    batch.patch_namespaced_job("train", namespace, {"spec": {"suspend": True}})
    stopped = job_with("train", lambda status: has(status, "Suspended") and not status.active)
    assert not stopped.status.failed
    eventually(lambda: not core.list_namespaced_pod(namespace).items)

    batch.patch_namespaced_job("train", namespace, {"spec": {"suspend": False}})
    resumed = job_with("train", lambda status: status.ready)
    assert has(resumed.status, "Suspended", "False")
    [again] = core.list_namespaced_pod(namespace).items
    assert again.metadata.uid != pod.metadata.uid

    done = job_with("train", lambda status: has(status, "Complete"))
    assert (done.status.succeeded, bool(done.status.completion_time)) == (1, True)
    let_write(again.metadata.name, "step")
    eventually(lambda: core.read_namespaced_pod_log(again.metadata.name, namespace) == "step\n")

    batch.delete_namespaced_job("train", namespace, propagation_policy="Background")
    eventually(lambda: not core.list_namespaced_pod(namespace).items)


def test_an_indexed_job_gives_each_pod_its_number(core, batch, namespace, job_with):
    spec = {"completions": 3, "parallelism": 3, "completionMode": "Indexed"}
    batch.create_namespaced_job(
        namespace, running_job("sweep", "echo $JOB_COMPLETION_INDEX", seconds=0, **spec)
    )
    done = job_with("sweep", lambda status: has(status, "Complete"))
    assert done.status.completed_indexes == "0-2"
    pods = core.list_namespaced_pod(namespace).items
    index = "batch.kubernetes.io/job-completion-index"
    assert sorted(one.metadata.annotations[index] for one in pods) == ["0", "1", "2"]


@pytest.mark.programs
def test_a_program_reads_its_number_of_an_indexed_job(core, batch, namespace, job_with):
    spec = {"completions": 3, "parallelism": 3, "completionMode": "Indexed"}
    batch.create_namespaced_job(namespace, running_job("sweep", "echo $JOB_COMPLETION_INDEX", **spec))
    job_with("sweep", lambda status: has(status, "Complete"))
    pods = core.list_namespaced_pod(namespace).items
    logs = sorted(core.read_namespaced_pod_log(one.metadata.name, namespace) for one in pods)
    assert logs == ["0\n", "1\n", "2\n"]


def test_a_job_that_may_not_fail_fails(batch, namespace, job_with):
    batch.create_namespaced_job(namespace, running_job("train", "exit 1", seconds=0, code=1, backoffLimit=0))
    failed = job_with("train", lambda status: has(status, "Failed"))
    assert failed.status.failed == 1
    condition = next(one for one in failed.status.conditions if one.type == "Failed")
    assert condition.reason == "BackoffLimitExceeded"
    assert condition.message == "Job has reached the specified backoff limit"


def test_a_job_over_its_deadline_fails(batch, namespace, job_with):
    batch.create_namespaced_job(namespace, running_job("train", "sleep 60", activeDeadlineSeconds=1))
    failed = job_with("train", lambda status: has(status, "Failed"))
    condition = next(one for one in failed.status.conditions if one.type == "Failed")
    assert condition.reason == "DeadlineExceeded"


def test_the_node_is_ready_and_says_what_it_has(core):
    nodes = core.list_node().items
    assert any(has(node.status, "Ready") for node in nodes)
    for node in nodes:
        assert {"cpu", "memory", "pods"} <= set(node.status.allocatable)
        assert {"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os"} <= set(
            node.metadata.labels
        )
