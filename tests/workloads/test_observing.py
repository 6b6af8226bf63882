"""What is observed becomes rows: once, only what changed, whoever submitted it, however it is labelled."""

import json
import uuid

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from runyard.clusters import objects
from runyard.clusters.observed import Seen
from tests.make import make_workload
from workloads.models import Event, PhaseChange, Pod, Workload
from workloads.observing import observe
from workloads.status import Phase, Reason

NOW = "2026-01-02T03:04:05Z"


def decode(found, type_):
    return msgspec.json.decode(json.dumps(found).encode(), type=type_)


def job(uid="job-1", version="1", name="llama", namespace="red", labels=None, spec=None, **status):
    meta = {
        "uid": uid,
        "name": name,
        "namespace": namespace,
        "resourceVersion": version,
        "creationTimestamp": NOW,
        "labels": labels or {},
    }
    template = {"spec": {"containers": [{"name": "main", "image": "torch:2", "resources": ASKED}]}}
    found = {"metadata": meta, "spec": {"template": template, **(spec or {})}, "status": status}
    return Seen("jobs", uid, decode(found, objects.Job))


ASKED = {"requests": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"}}


def pod(uid="pod-1", version="1", owner="job-1", node="node-1", ready=True, namespace="red", **status):
    meta = {
        "uid": uid,
        "name": f"llama-{uid}",
        "namespace": namespace,
        "resourceVersion": version,
        "creationTimestamp": NOW,
        "ownerReferences": [{"kind": "Job", "name": "llama", "uid": owner, "controller": True}],
    }
    conditions = [{"type": "Ready", "status": str(ready)}]
    body = {"phase": "Running", "conditions": conditions, **status}
    found = {
        "metadata": meta,
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "torch:2"}]},
        "status": body,
    }
    return Seen("pods", uid, decode(found, objects.Pod))


def event(uid="event-1", about="pod-1", version="1", count=1, namespace="red", message="image pulled"):
    meta = {"uid": uid, "name": uid, "namespace": namespace, "resourceVersion": version}
    found = {
        "metadata": meta | {"creationTimestamp": NOW},
        "involvedObject": {"kind": "Pod", "name": "llama-pod-1", "uid": about},
        "reason": "Pulled",
        "message": message,
        "count": count,
        "firstTimestamp": NOW,
        "lastTimestamp": NOW,
    }
    return Seen("events", uid, decode(found, objects.Event))


def test_somebody_elses_job_becomes_a_row_of_its_namespaces_project(red, cluster):
    observe(cluster, [job(), pod()])
    row = Workload.objects.get()
    assert (row.project, row.phase, row.gpu_millis, row.cpu_millis) == (red, Phase.RUNNING, 2000, 500)
    assert (row.memory_bytes, row.pods_running, row.nodes) == (2**30, 1, ["node-1"])


def test_a_job_of_no_project_is_kept_for_the_system_administrator(red, cluster, dee, ada):
    observe(cluster, [job(namespace="kube-system")])
    assert Workload.objects.get().project is None


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_order_in_which_resources_arrive_does_not_matter(red, cluster, order):
    seen = [job(), pod(), event()]
    for index in order:
        observe(cluster, [seen[index]])
    row = Workload.objects.get()
    assert (row.phase, Pod.objects.get().workload, Event.objects.get().workload) == (Phase.RUNNING, row, row)


def test_the_same_observation_twice_writes_nothing(red, cluster, django_assert_max_num_queries):
    seen = [job(), pod(), event()]
    observe(cluster, seen)
    before = list(Workload.objects.values()), list(Pod.objects.values()), list(Event.objects.values())
    with django_assert_max_num_queries(8) as captured:
        assert observe(cluster, seen) == 0
    assert not [q["sql"] for q in captured if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert before == (
        list(Workload.objects.values()),
        list(Pod.objects.values()),
        list(Event.objects.values()),
    )


def test_one_workload_many_times_beside_others_old_and_new_is_each_time_itself(red, cluster):
    observe(cluster, [job(), pod(), job("quiet", name="quiet"), pod("quiet-pod", owner="quiet")])
    quiet = Workload.objects.filter(uid="quiet").values().get()
    seen = [
        job(version="2", active=1),
        pod(version="2", ready=False),
        job("new", name="new"),
        pod("new-pod", owner="new", ready=False, phase="Pending", node=""),
        job(version="3", spec={"parallelism": 2, "completions": 2}),
        pod("pod-2", version="4", node="node-2"),
        pod("new-pod", version="2", owner="new"),
        pod(version="5"),
        job("new", version="6", name="new", labels={"team": "red"}),
    ]
    assert observe(cluster, seen) == 2
    old, new = Workload.objects.get(uid="job-1"), Workload.objects.get(uid="new")
    assert (old.resource_version, old.pods_requested, old.nodes) == ("3", 2, ["node-1", "node-2"])
    assert (old.phase, old.version, old.pods_running) == (Phase.RUNNING, 2, 2)
    assert (new.resource_version, new.phase, new.version, new.labels) == ("6", Phase.RUNNING, 1, ["team=red"])
    owners = dict(Pod.objects.values_list("uid", "workload__uid"))
    assert owners == {"pod-1": "job-1", "pod-2": "job-1", "quiet-pod": "quiet", "new-pod": "new"}
    assert dict(Pod.objects.values_list("uid", "resource_version"))["pod-1"] == "5"
    assert PhaseChange.objects.filter(workload=new).count() >= 2
    assert Workload.objects.filter(uid="quiet").values().get() == quiet


def test_every_phase_a_batch_passes_through_is_in_the_history(red, cluster):
    waiting = {"phase": "Pending", "ready": False}
    observe(
        cluster, [job(), pod(version="1", node="", **waiting), pod(version="2", **waiting), pod(version="3")]
    )
    phases = PhaseChange.objects.order_by("id").values_list("phase", flat=True)
    assert list(phases) == ["Creating", "Pending", "Initializing", "Running"]


def test_our_submission_is_bound_by_its_key(red, cluster):
    ours = make_workload(red, cluster, name="llama", uid=None, phase="Creating")
    observe(cluster, [job(labels={"runyard.io/workload": str(ours.key)})])
    assert Workload.objects.get().uid == "job-1"


@pytest.mark.parametrize(
    "forged", [{"name": "other"}, {"namespace": "blue"}, {"labels": {"runyard.io/workload": "x' OR 1=1"}}]
)
def test_a_forged_key_takes_over_nobodys_row(red, blue, cluster, forged):
    ours = make_workload(red, cluster, name="llama-x", uid=None, phase="Creating")
    observe(cluster, [job(**{"labels": {"runyard.io/workload": str(ours.key)}, **forged})])
    ours.refresh_from_db()
    assert ours.uid is None
    assert Workload.objects.count() == 2


def test_a_bound_row_is_not_bound_again(red, cluster):
    ours = make_workload(red, cluster, name="llama", uid="first", phase="Running")
    labels = {"runyard.io/workload": str(ours.key)}
    observe(cluster, [Seen("jobs", "first"), job(uid="second", labels=labels)])
    ours.refresh_from_db()
    assert ours.uid == "first"
    assert ours.deleted_at


def test_deleted_and_made_again_in_a_gap_are_two_rows(red, cluster):
    observe(cluster, [job("old"), pod(owner="old")])
    observe(cluster, [job("new", version="9")])
    old, new = Workload.objects.get(uid="old"), Workload.objects.get(uid="new")
    assert old.deleted_at
    assert not new.deleted_at
    assert Pod.objects.get().gone_at


def test_deleted_and_made_again_within_one_batch_are_two_rows(red, cluster):
    observe(cluster, [job("old"), job("new", version="9")])
    assert Workload.objects.get(uid="old").deleted_at
    assert not Workload.objects.get(uid="new").deleted_at


def test_a_pod_that_a_cluster_has_again_is_there_again(red, cluster):
    """It was set back to a backup from before the pod's end."""
    observe(cluster, [job(), pod(version="5"), Seen("pods", "pod-1")])
    assert Pod.objects.get().gone_at
    observe(cluster, [pod(version="5")])
    assert not Pod.objects.get().gone_at


def test_what_is_gone_stays_gone(red, cluster):
    observe(cluster, [job(), pod()])
    observe(cluster, [Seen("pods", "pod-1"), Seen("jobs", "job-1")])
    observe(cluster, [job(version="5"), pod(version="6")])
    assert Workload.objects.get().deleted_at
    assert Pod.objects.get().gone_at


def test_a_stop_somebody_made_with_kubectl_is_seen_as_one(red, cluster):
    observe(cluster, [job(), pod()])
    observe(cluster, [job(version="2", spec={"suspend": True})])
    assert Workload.objects.get().phase == Phase.STOPPING
    observe(cluster, [Seen("pods", "pod-1")])
    assert Workload.objects.get().phase == Phase.STOPPED
    observe(cluster, [job(version="3", spec={"suspend": False})])
    assert Workload.objects.get().phase == Phase.RESUMING


def test_a_repeated_event_is_one_row_with_its_count(red, cluster):
    observe(cluster, [job(), pod(), event()])
    observe(cluster, [event(version="2", count=7)])
    assert Event.objects.get().count == 7


def test_a_job_with_half_a_status_is_read_as_far_as_it_goes(red, cluster):
    observe(
        cluster, [job(conditions=[{"type": "Failed", "status": "True", "reason": None, "message": None}])]
    )
    assert Workload.objects.get().phase == Phase.FAILED


def test_queries_do_not_grow_with_the_batch(red, cluster, django_assert_max_num_queries):
    seen = []
    for number in range(200):
        uid = str(uuid.uuid4())
        seen += [job(uid, name=f"job-{number}"), pod(f"{uid[:30]}-pod", owner=uid)]
    with django_assert_max_num_queries(15):
        observe(cluster, seen)
    changed = [
        job(one.uid, "2", one.object.metadata.name, active=1) for one in seen if one.resource == "jobs"
    ]
    with django_assert_max_num_queries(15):
        observe(cluster, changed)


def test_a_change_of_one_that_is_known_looks_at_no_names(red, cluster):
    observe(cluster, [job(), pod()])
    with CaptureQueriesContext(connection) as queries:
        observe(cluster, [job(version="2", active=1), pod(version="2")])
    assert not [q["sql"] for q in queries if 'workload"."name" IN' in q["sql"]]
    assert Workload.objects.get().resource_version == "2"


def test_changed_rows_are_written_beside_themselves_for_no_index_to_change(red, cluster):
    seen = [job(str(number), name=f"job-{number}") for number in range(50)]
    observe(cluster, seen)
    before = updates()
    observe(cluster, [job(one.uid, "2", one.object.metadata.name, active=1) for one in seen])
    written, beside = (now - then for now, then in zip(updates(), before, strict=True))
    assert written == 50
    assert beside > 0


def updates():
    """Of workloads so far, and how many of them left all indexes alone."""
    name = Workload._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = %s", [name]
        )
        return cursor.fetchone()


def test_a_pod_of_another_namespace_is_nobodys_whatever_owner_it_names(red, blue, cluster):
    observe(cluster, [job(), pod()])
    observe(cluster, [pod("forged", node="", ready=False, namespace="blue", phase="Pending")])
    assert Workload.objects.get().phase == Phase.RUNNING
    assert Pod.objects.get(uid="forged").workload is None


@pytest.mark.parametrize("first", ["job", "event"])
def test_an_event_of_another_namespace_says_nothing_here(red, blue, cluster, first):
    forged = event("forged", about="job-1", namespace="blue")
    for seen in [job(), forged] if first == "job" else [forged, job()]:
        observe(cluster, [seen])
    assert Event.objects.get().workload is None


ROOT = "3f6e2a10-9c1b-4f52-8a77-0d2b6c1e5f90"


@pytest.mark.parametrize("group", [f"pg-llama-{ROOT}", f"podgroup-{ROOT}"])
def test_what_is_said_of_a_pod_group_is_said_of_its_workload(red, blue, cluster, group):
    """KAI and Volcano make a group a workload, and name it after the workload's uid."""
    said = [event("mine", about="group-1"), event("forged", about="group-2", namespace="blue")]
    for seen in said:
        seen.object.involved_object.kind, seen.object.involved_object.name = "PodGroup", group
    observe(cluster, [job(uid=ROOT)])
    observe(cluster, said)
    assert Event.objects.get(uid="mine").workload == Workload.objects.get(uid=ROOT)
    assert Event.objects.get(uid="forged").workload is None


QUOTA = (
    'Error creating: pods "llama-x7k2p" is forbidden: exceeded quota: gpus, requested: '
    "requests.nvidia.com/gpu=8, used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=8"
)


def no_pod(uid="no", about="job-1", message=QUOTA, version="1", **fields):
    seen = event(uid, about=about, message=message, version=version, **fields)
    seen.object.reason, seen.object.involved_object.kind = "FailedCreate", "Job"
    return seen


@pytest.mark.parametrize("order", ["job first", "event first", "together"])
def test_why_no_pod_can_be_made_stands_beside_the_phase_until_there_is_one(red, cluster, order):
    batches = {
        "job first": [[job()], [no_pod()]],
        "event first": [[no_pod()], [job()]],
        "together": [[no_pod(), job()]],
    }
    for seen in batches[order]:
        observe(cluster, seen)
    workload = Workload.objects.get()
    assert (workload.phase, workload.reason) == (Phase.CREATING, Reason.NO_PODS)
    assert workload.why.startswith(
        "the quota “gpus” of its namespace is used up: 8 GPUs asked for, 4 of 8 in use"
    )
    observe(cluster, [job(version="2")])
    assert Workload.objects.get().message == workload.message
    observe(cluster, [pod(ready=False, phase="Pending")])
    assert "quota" not in Workload.objects.get().why


def test_the_newest_refusal_counts_and_bumps_the_row_once(red, cluster):
    observe(cluster, [job()])
    observe(cluster, [no_pod()])
    version = Workload.objects.get().version
    observe(cluster, [no_pod(version="2", count=2)])
    assert Workload.objects.get().version == version
    denied = 'admission webhook "team.example" denied the request: label team is missing'
    observe(cluster, [no_pod("other", message=denied)])
    assert "label team is missing" in Workload.objects.get().why
    assert Workload.objects.get().version == version + 1


def test_a_refusal_is_told_of_nobody_else(red, blue, cluster):
    observe(cluster, [job(), pod()])
    observe(cluster, [no_pod(), no_pod("forged", namespace="blue")])
    assert "quota" not in Workload.objects.get().why


def test_a_project_made_after_the_job_was_seen_gets_it(cluster, red):
    observe(cluster, [job(namespace="late")])
    late = type(red).objects.create(name="late", namespace="late", department=red.department)
    observe(cluster, [job(namespace="late", version="2")])
    assert Workload.objects.get().project == late


def test_what_a_database_cannot_hold_is_cut_to_what_it_can(red, cluster):
    observe(cluster, [job(spec={"parallelism": 2**31, "completions": 2**31, "backoffLimit": 2**40})])
    observe(cluster, [pod(message="a\0b", reason="c\0d", phase="Failed"), event(message="\0")])
    assert Workload.objects.get().memory_bytes == 2**61
    assert Pod.objects.get().message == "ab"


def moment(second):
    return f"2026-01-02T03:04:{second:02}Z"


def times(created, scheduled=None, ran=None, ended=None):
    """A pod with the times its conditions and containers tell."""
    state = {"running": {"startedAt": moment(ran)}} if ran else {"waiting": {"reason": "ContainerCreating"}}
    if ended:
        state = {"terminated": {"exitCode": 0, "startedAt": moment(ran), "finishedAt": moment(ended)}}
    conditions = [{"type": "Ready", "status": str(bool(ran and not ended))}]
    if scheduled:
        placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": moment(scheduled)}
        conditions.append(placed)
    status = {"name": "main", "ready": bool(ran and not ended), "restartCount": 0, "state": state}
    seen = pod(conditions=conditions, containerStatuses=[status], phase="Succeeded" if ended else "Running")
    seen.object.metadata.creation_timestamp = parse_datetime(moment(created))
    return seen


def life(workload):
    changes = PhaseChange.objects.filter(workload=workload).order_by("at", "pk")
    return [(change.phase, change.at.second) for change in changes]


@pytest.fixture
def created(cluster, red):
    """The row of a job that its cluster has, and no pod yet."""
    observe(cluster, [job()])
    workload = Workload.objects.get()
    began = parse_datetime(moment(1))
    PhaseChange.objects.update(at=began)
    Workload.objects.update(created_at=began, phase_at=began)
    return workload


def test_a_wait_that_nobody_saw_is_told_from_the_pod(cluster, created):
    observe(cluster, [times(created=2, scheduled=5)])
    assert life(created)[:2] == [("Creating", 1), ("Pending", 2)]
    created.refresh_from_db()
    assert created.phase == Phase.INITIALIZING
    assert created.time_pending.total_seconds() > 0


def test_a_run_that_nobody_saw_is_told_whole(cluster, created):
    ended = {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": moment(30)}]}
    observe(cluster, [times(created=2, scheduled=5, ran=9, ended=30), job(version="2", **ended)])
    assert life(created)[:4] == [("Creating", 1), ("Pending", 2), ("Initializing", 5), ("Running", 9)]
    created.refresh_from_db()
    assert (created.phase, created.started_at.second) == (Phase.COMPLETED, 9)


def test_a_time_the_pod_does_not_tell_is_no_phase(cluster, created):
    observe(cluster, [times(created=2, ran=9)])
    assert [phase for phase, _ in life(created)] == ["Creating", "Pending", "Running"]


def test_a_clock_that_is_wrong_puts_no_phase_before_its_cause_or_after_now(cluster, created):
    Workload.objects.update(phase_at=parse_datetime(moment(3)))
    observe(cluster, [times(created=2, scheduled=1, ran=1)])
    moments = list(PhaseChange.objects.order_by("pk").values_list("at", flat=True))
    assert [phase for phase, _ in life(created)] == ["Creating", "Pending", "Initializing", "Running"]
    assert moments == sorted(moments)
    assert [at.second for at in moments[1:3]] == [3, 3]
