"""Jobs from create to complete: counting, limits, suspension, back-off, and dying in between."""

import pytest

from localcluster import indexes, times
from localcluster.backoff import Backoff
from localcluster.controllers import JOB_BACKOFF, jobindexes, jobpods
from localcluster.controllers.jobs import JobController, JobLook
from tests.embedded import free_port
from tests.localcluster.running import Cluster, condition, container, eventually, job, shell


def finished(cluster, name="work"):
    found = cluster.job(name)
    return next((kind for kind in ("Complete", "Failed") if condition(found, kind) is not None), None)


async def ended(cluster, name="work", seconds=60):
    await eventually(lambda: finished(cluster, name), seconds)
    return cluster.job(name)


def active(cluster):
    return cluster.job("work")["status"].get("active", 0)


async def test_a_job_runs_until_enough_have_succeeded(cluster):
    cluster.create("jobs.batch", job("work", shell("true"), completions=5, parallelism=2))
    done = await ended(cluster)
    assert condition(done, "SuccessCriteriaMet") == ("True", "CompletionsReached")
    assert condition(done, "Complete") == ("True", "CompletionsReached")
    assert done["status"]["succeeded"] == 5
    assert done["status"]["completionTime"] >= done["status"]["startTime"]
    assert len(cluster.pods()) == 5
    told = cluster.events("work")
    assert ("Completed", "Job completed") in told
    assert sum(reason == "SuccessfulCreate" for reason, _ in told) == 5


async def test_its_pods_name_it_in_labels_and_owner(cluster):
    created = cluster.create("jobs.batch", job("work", shell("true")))
    await ended(cluster)
    uid = created["metadata"]["uid"]
    [pod] = cluster.pods()
    labels = pod["metadata"]["labels"]
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "work"
    assert labels["batch.kubernetes.io/controller-uid"] == labels["controller-uid"] == uid
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "work", "uid": uid}
    assert pod["metadata"]["ownerReferences"] == [{**owner, "controller": True, "blockOwnerDeletion": True}]
    assert jobpods.FINALIZER not in pod["metadata"].get("finalizers", [])


async def test_an_indexed_job_does_each_index_once(cluster):
    script = "echo $JOB_COMPLETION_INDEX $HOSTNAME"
    spec = {"completions": 4, "parallelism": 4, "completionMode": "Indexed"}
    cluster.create("jobs.batch", job("work", shell(script), **spec))
    done = await ended(cluster)
    assert done["status"]["completedIndexes"] == "0-3"
    assert done["status"]["succeeded"] == 4
    texts = sorted([await cluster.log(one["metadata"]["name"]) for one in cluster.pods()])
    assert texts == [f"{n} work-{n}\n".encode() for n in range(4)]
    names = sorted(one["metadata"]["name"] for one in cluster.pods())
    assert all(name.startswith(f"work-{n}-") for n, name in enumerate(names))


async def test_a_work_queue_is_done_when_one_has_succeeded_and_none_runs(cluster):
    cluster.create("jobs.batch", job("work", shell("true"), parallelism=3))
    done = await ended(cluster)
    assert done["status"]["succeeded"] == 3


async def test_too_many_failures_end_it(cluster):
    cluster.create("jobs.batch", job("work", shell("exit 1"), backoffLimit=2))
    failed = await ended(cluster)
    assert condition(failed, "FailureTarget") == ("True", "BackoffLimitExceeded")
    assert condition(failed, "Failed") == ("True", "BackoffLimitExceeded")
    assert failed["status"]["failed"] == 3
    assert "completionTime" not in failed["status"]
    assert ("BackoffLimitExceeded", "Job has reached the specified backoff limit") in cluster.events("work")


async def test_a_failed_pod_is_replaced_only_after_the_back_off(tmp_path):
    cluster = await Cluster(tmp_path).start(job_backoff=Backoff(600, 600, free=0))
    cluster.create("jobs.batch", job("work", shell("exit 1"), backoffLimit=5))
    await eventually(lambda: cluster.job("work")["status"].get("failed") == 1)
    assert len(cluster.pods()) == 1
    assert finished(cluster) is None
    await cluster.stop()


def test_the_back_off_of_jobs_doubles_from_ten_seconds_to_six_minutes():
    assert [JOB_BACKOFF.delay(n) for n in range(1, 9)] == [10, 20, 40, 80, 160, 320, 360, 360]


async def test_restarts_inside_a_pod_count_against_the_limit(cluster):
    spec = {"backoffLimit": 1, "template": {"restartPolicy": "OnFailure"}}
    cluster.create("jobs.batch", job("work", shell("exit 1"), **spec))
    failed = await ended(cluster)
    assert condition(failed, "Failed") == ("True", "BackoffLimitExceeded")


async def test_time_is_up(cluster):
    cluster.create("jobs.batch", job("work", container("sleep", "60"), activeDeadlineSeconds=1))
    failed = await ended(cluster)
    assert condition(failed, "Failed") == ("True", "DeadlineExceeded")
    assert failed["status"].get("active", 0) == 0
    assert ("DeadlineExceeded", "Job was active longer than specified deadline") in cluster.events("work")


async def test_suspending_ends_the_pods_and_resuming_makes_new_ones(cluster):
    cluster.create("jobs.batch", job("work", container("sleep", "60"), parallelism=2, completions=2))
    await eventually(lambda: cluster.job("work")["status"].get("ready") == 2)
    first = {one["metadata"]["uid"] for one in cluster.pods()}
    cluster.change("jobs.batch", "work", suspend=True)
    await eventually(lambda: not cluster.pods())
    await eventually(lambda: not active(cluster))
    suspended = cluster.job("work")
    assert condition(suspended, "Suspended") == ("True", "JobSuspended")
    assert suspended["status"].get("failed", 0) == 0
    assert "startTime" not in suspended["status"]
    cluster.change("jobs.batch", "work", suspend=False)
    await eventually(lambda: cluster.job("work")["status"].get("ready") == 2)
    resumed = cluster.job("work")
    assert condition(resumed, "Suspended") == ("False", "JobResumed")
    assert "startTime" in resumed["status"]
    assert not first & {one["metadata"]["uid"] for one in cluster.pods()}
    told = {reason for reason, _ in cluster.events("work")}
    assert {"Suspended", "Resumed", "SuccessfulCreate", "SuccessfulDelete"} <= told


async def test_a_job_made_suspended_starts_nothing_until_it_is_resumed(cluster):
    cluster.create("jobs.batch", job("work", shell("true"), suspend=True))
    await eventually(lambda: condition(cluster.job("work"), "Suspended"))
    assert cluster.pods() == []
    assert "startTime" not in cluster.job("work")["status"]
    cluster.change("jobs.batch", "work", suspend=False)
    assert condition(await ended(cluster), "Complete") == ("True", "CompletionsReached")


async def test_less_parallelism_takes_pods_back_without_calling_them_failed(cluster):
    cluster.create("jobs.batch", job("work", container("sleep", "60"), parallelism=3, completions=3))
    await eventually(lambda: active(cluster) == 3)
    cluster.change("jobs.batch", "work", parallelism=1)
    await eventually(lambda: active(cluster) == 1 and len(cluster.pods()) == 1)
    assert cluster.job("work")["status"].get("failed", 0) == 0


async def test_a_pod_that_someone_deletes_counts_as_failed_and_is_replaced(cluster):
    cluster.create("jobs.batch", job("work", container("sleep", "60")))
    await eventually(lambda: active(cluster) == 1)
    [first] = cluster.pods()
    await cluster.running(first["metadata"]["name"])
    cluster.registry.delete("pods", "default", first["metadata"]["name"])
    await eventually(lambda: cluster.job("work")["status"].get("failed") == 1)
    await eventually(
        lambda: [one for one in cluster.pods() if one["metadata"]["uid"] != first["metadata"]["uid"]]
    )


POLICY = {"rules": [
    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [43]}},
]}  # fmt: skip


async def test_a_failure_policy_can_fail_the_job_at_once(cluster):
    cluster.create("jobs.batch", job("work", shell("exit 42"), podFailurePolicy=POLICY))
    failed = await ended(cluster)
    assert condition(failed, "Failed") == ("True", "PodFailurePolicy")
    [pod] = cluster.pods()
    words = f"Container main for pod default/{pod['metadata']['name']} failed with exit code 42 "
    words += "matching FailJob rule at index 0"
    assert ("PodFailurePolicy", words) in cluster.events("work")


async def test_a_failure_policy_can_ignore_failures(cluster, tmp_path):
    script = f"echo x >> {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -ge 3 || exit 43"
    cluster.create("jobs.batch", job("work", shell(script), podFailurePolicy=POLICY, backoffLimit=0))
    done = await ended(cluster)
    assert condition(done, "Complete") == ("True", "CompletionsReached")
    assert done["status"].get("failed", 0) == 0


async def test_a_finished_job_goes_when_its_time_to_live_is_over(cluster):
    cluster.create("jobs.batch", job("work", shell("true"), ttlSecondsAfterFinished=1))
    await ended(cluster)
    await eventually(lambda: not cluster.registry.list("jobs.batch"))
    await eventually(lambda: not cluster.pods())


async def test_deleting_a_job_ends_its_pods(cluster):
    cluster.create("jobs.batch", job("work", container("sleep", "60"), parallelism=2, completions=2))
    await eventually(lambda: cluster.job("work")["status"].get("ready") == 2)
    cluster.registry.delete("jobs.batch", "default", "work", propagation="Background")
    await eventually(lambda: not cluster.pods())


async def test_a_finished_pod_that_is_deleted_before_it_was_counted_still_counts(cluster):
    """As if the controller had died between the end of the pod and the count."""
    [controller] = [one for one in cluster.controllers.running if isinstance(one, JobController)]
    cluster.create("jobs.batch", job("work", shell("true"), completions=2, parallelism=1))
    await eventually(lambda: len(cluster.pods()) == 1)
    name = cluster.pods()[0]["metadata"]["name"]
    await controller.stop()
    await cluster.ended(name)
    cluster.registry.delete("pods", "default", name)
    assert cluster.pod(name)["metadata"]["deletionTimestamp"]
    again = JobController(cluster.registry, Backoff(0.1, 0.1, free=0))
    again.start()
    done = await ended(cluster)
    await again.stop()
    assert done["status"]["succeeded"] == 2
    assert len(cluster.pods()) == 1


@pytest.mark.parametrize("dies_after", range(1, 7))
async def test_dying_after_any_write_counts_every_pod_once(cluster, dies_after, monkeypatch):
    """The controller is cut off after its n-th write, then another one takes over."""
    [controller] = [one for one in cluster.controllers.running if isinstance(one, JobController)]
    await controller.stop()
    frail = JobController(Frail(cluster.registry, dies_after), Backoff(0.1, 0.1, free=0))
    frail.start()
    cluster.create("jobs.batch", job("work", shell("true"), completions=3, parallelism=1))
    await eventually(lambda: frail.registry.dead)
    await frail.stop()
    heir = JobController(cluster.registry, Backoff(0.1, 0.1, free=0))
    heir.start()
    done = await ended(cluster)
    await heir.stop()
    assert done["status"]["succeeded"] == 3
    assert done["status"]["uncountedTerminatedPods"] == {}
    assert len(cluster.pods()) == 3


class Frail:
    """A registry whose user dies after so many writes: none of the later ones arrive."""

    def __init__(self, registry, writes):
        self.registry, self.left, self.dead = registry, writes, False

    def __getattr__(self, name):
        if name in ("create", "mutate", "delete", "update"):
            return lambda *args, **kwargs: self._write(getattr(self.registry, name), args, kwargs)
        return getattr(self.registry, name)

    def event(self, *args):
        return None

    def _write(self, method, args, kwargs):
        if self.left <= 0:
            self.dead = True
            raise RuntimeError("the server is dead")
        self.left -= 1
        return method(*args, **kwargs)


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([1, 2], "1,2"), ([0, 1, 2, 5, 7, 8, 9], "0-2,5,7-9")]
)
def test_sets_of_indexes_are_written_as_kubernetes_does(numbers, text):
    assert indexes.text(numbers) == text
    assert indexes.parse(text, 100) == set(numbers)


async def test_many_pods_at_once(cluster):
    cluster.create("jobs.batch", job("work", shell("true"), completions=40, parallelism=40))
    done = await ended(cluster)
    assert done["status"]["succeeded"] == 40


def test_a_forged_set_of_indexes_costs_nothing():
    assert indexes.parse("0-9999999999,5-3,7", 4) == {0, 1, 2, 3}
    assert indexes.parse("0-" + "9" * 5000 + ",\u00b2", 4) == set()


async def test_a_job_made_anew_under_the_same_name_lets_the_old_one_s_pods_go(cluster):
    cluster.create("jobs.batch", job("work", shell("sleep 60")))
    await eventually(lambda: active(cluster) == 1)
    old = cluster.pods()[0]["metadata"]["name"]
    cluster.registry.delete("jobs.batch", "default", "work", propagation="Background")
    cluster.create("jobs.batch", job("work", shell("true")))  # before any controller could look
    await ended(cluster)
    await eventually(lambda: old not in [one["metadata"]["name"] for one in cluster.pods()])


PEER = """
import os, socket, time
where, rank = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), int(os.environ["RANK"])
if rank == 0:
    with socket.create_server(where) as master:
        print(*sorted(master.accept()[0].makefile().readline().strip() for _ in range(2)), flush=True)
while rank:
    try:
        with socket.create_connection(where) as peer:
            peer.sendall(f"rank {rank} of {os.environ['HOSTNAME']}\\n".encode())
            break
    except ConnectionRefusedError:
        time.sleep(0.05)
"""


async def test_the_pods_of_a_training_meet_at_the_machine(cluster):
    """As the page of the embedded cluster tells who finds no names of pods."""
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    script = 'RANK=$JOB_COMPLETION_INDEX exec python -c "$0"'
    env = [{"name": name, "value": value} for name, value in where.items()]
    peers = container("sh", "-c", script, PEER, env=env)
    cluster.create("jobs.batch", job("train", peers, completions=3, parallelism=3, completionMode="Indexed"))
    assert (await ended(cluster, "train"))["status"]["succeeded"] == 3
    [master] = [pod["metadata"]["name"] for pod in cluster.pods() if "train-0-" in pod["metadata"]["name"]]
    assert await cluster.log(master) == b"rank 1 of train-1 rank 2 of train-2\n"


async def test_each_index_is_tried_again_for_itself_and_remembers_how_often(cluster, tmp_path):
    script = f"echo x >> {tmp_path}/$JOB_COMPLETION_INDEX; test $JOB_COMPLETION_INDEX = 1 || exit 1"
    spec = {"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 2}
    cluster.create("jobs.batch", job("work", shell(script), **spec))
    failed = await ended(cluster)
    assert condition(failed, "Failed") == ("True", "FailedIndexes")
    status = failed["status"]
    assert (status["completedIndexes"], status["failedIndexes"], status["failed"]) == ("1", "0", 3)
    tried = [one["metadata"]["annotations"] for one in cluster.pods() if jobpods.index_of(one) == 0]
    assert sorted(one[jobindexes.FAILURES] for one in tried) == ["0", "1", "2"]
    assert (tmp_path / "1").read_text() == "x\n"


async def test_an_index_waits_for_its_own_back_off_only(tmp_path):
    cluster = await Cluster(tmp_path).start(job_backoff=Backoff(600, 600, free=0))
    spec = {"completions": 3, "parallelism": 1, "completionMode": "Indexed", "backoffLimitPerIndex": 1}
    cluster.create("jobs.batch", job("work", shell("test $JOB_COMPLETION_INDEX != 0"), **spec))
    await eventually(lambda: cluster.job("work")["status"].get("completedIndexes") == "1,2")
    [held] = [one for one in cluster.pods() if jobpods.index_of(one) == 0]
    assert jobpods.tracked(held)
    assert cluster.job("work")["status"]["failedIndexes"] == ""
    cluster.change("jobs.batch", "work", suspend=True)
    await eventually(lambda: condition(cluster.job("work"), "Suspended"))
    assert cluster.job("work")["status"]["failedIndexes"] == ""
    cluster.registry.delete("jobs.batch", "default", "work", propagation="Background")
    await eventually(lambda: not cluster.pods())
    await cluster.stop()


def test_more_indexes_in_back_off_than_are_made_at_once_let_the_controller_wait(registry):
    def look():
        found = registry.get("jobs.batch", "default", "work")
        return JobLook(registry, found, registry.list("pods"), Backoff(600, 600, free=0)).act()

    def fail(pod):
        ended = {"exitCode": 1, "finishedAt": times.now()}
        pod["status"] |= {"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}

    spec = {"completions": 60, "parallelism": 60, "completionMode": "Indexed", "backoffLimitPerIndex": 3}
    registry.create("jobs.batch", "default", job("work", shell("exit 1"), **spec))
    assert (look(), len(registry.list("pods"))) == (0.0, 50)
    assert (look(), len(registry.list("pods"))) == (None, 60)
    for name in [one["metadata"]["name"] for one in registry.list("pods")]:
        registry.mutate("pods", "default", name, fail, subresource="status")
    assert 0 < look() <= 600
    assert len(registry.list("pods")) == 60


async def test_an_ignored_failure_is_no_failure_of_its_index(cluster, tmp_path):
    script = f"echo x >> {tmp_path}/runs; test $(wc -l < {tmp_path}/runs) -ge 3 || exit 43"
    spec = {"completions": 1, "completionMode": "Indexed", "backoffLimitPerIndex": 0}
    cluster.create("jobs.batch", job("work", shell(script), podFailurePolicy=POLICY, **spec))
    done = await ended(cluster)
    assert condition(done, "Complete") == ("True", "CompletionsReached")
    noted = [one["metadata"]["annotations"] for one in cluster.pods()]
    assert sorted(one.get(jobindexes.IGNORED, "0") for one in noted) == ["0", "1", "2"]
    assert {one[jobindexes.FAILURES] for one in noted} == {"0"}
