"""What columns tell beyond phase and request: read from objects as they are, never made up."""

from datetime import timedelta

import msgspec
import pytest
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from runyard.clusters import objects
from runyard.clusters.models import Node
from runyard.clusters.observed import Seen, observe_nodes
from tests.make import make_pod, make_workload
from workloads import node_pools
from workloads.actions import submit
from workloads.amounts import asked
from workloads.fit import Room, outlook
from workloads.models import SearchText, Workload
from workloads.observing import observe
from workloads.spec import KEY_LABEL, WorkloadSpec
from workloads.tables import WorkloadTable
from workloads.transitions import settle

GIB = 2**30
CPU = {"cpu": "500m", "memory": "1Gi"}


def container(**requests):
    return {"name": "main", "image": "torch:2", "resources": {"requests": requests}}


def job(meta=None, template_meta=None, spec=None, pod_spec=None, version="1"):
    found = {
        "metadata": {
            "uid": "job-1", "name": "llama-7", "namespace": "red", "resourceVersion": version,
            "creationTimestamp": timezone.now(), **(meta or {}),
        },
        "spec": {
            "template": {
                "metadata": template_meta or {},
                "spec": {"containers": [container(**CPU)], **(pod_spec or {})},
            },
            **(spec or {}),
        },
    }  # fmt: skip
    return Seen("jobs", "job-1", msgspec.convert(found, objects.Job))


def pod(uid="pod-1", node="node-1", version="1", **status):
    owner = {"kind": "Job", "name": "llama-7", "uid": "job-1", "controller": True}
    found = {
        "metadata": {
            "uid": uid, "name": uid, "namespace": "red", "resourceVersion": version,
            "creationTimestamp": timezone.now(), "ownerReferences": [owner],
        },
        "spec": {"nodeName": node, "containers": [container(**CPU, **{"nvidia.com/gpu": "2"})]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status},
    }  # fmt: skip
    return Seen("pods", uid, msgspec.convert(found, objects.Pod))


def node(name="node-1", version="1", **labels):
    meta = {"uid": f"uid-{name}", "name": name, "resourceVersion": version, "labels": labels}
    return Seen("nodes", meta["uid"], msgspec.convert({"metadata": meta}, objects.Node))


def row():
    return Workload.objects.get(uid="job-1")


def observed(cluster, **parts):
    observe(cluster, [job(**parts)])
    return row()


@pytest.mark.parametrize(
    ("requests", "annotations", "expected"),
    [
        ({"nvidia.com/gpu": "2"}, {}, (2000, 0)),
        ({}, {"gpu-fraction": "0.25"}, (250, 0)),
        ({}, {"gpu-fraction": "0.5", "gpu-fraction-num-devices": "2"}, (1000, 0)),
        ({}, {"gpu-memory": "2048"}, (0, 2 * GIB)),
        ({"nvidia.com/gpu": "2", "nvidia.com/gpumem": "1024"}, {}, (2000, 2 * GIB)),
        ({"nvidia.com/gpu": "1"}, {"gpu-fraction": "0.5"}, (1000, 0)),
        ({}, {"gpu-fraction": "much", "gpu-memory": "-4"}, (0, 0)),
        ({}, {"gpu-fraction": "7"}, (1000, 0)),
        ({}, {"gpu-fraction": "NaN"}, (0, 0)),
    ],
)
def test_gpus_are_asked_for_whole_in_parts_or_by_memory(requests, annotations, expected):
    spec = msgspec.convert({"containers": [container(**requests)]}, objects.PodSpec)
    found = asked(spec, annotations)
    assert (found["gpu_millis"], found["gpu_memory_bytes"]) == expected


def test_labels_say_priority_application_and_who_may_take_its_place(red, cluster):
    labels = {
        "team": "nlp",
        "priorityClassName": "build",
        "kai.scheduler/preemptibility": "non-preemptible",
        "app.kubernetes.io/part-of": "rag",
        KEY_LABEL: "ours",
    }
    found = observed(cluster, meta={"labels": labels})
    assert (found.priority, found.preemptible, found.application) == ("build", "no", "rag")
    assert found.labels == [
        "priorityClassName=build",
        "team=nlp",
        "app.kubernetes.io/part-of=rag",
        "kai.scheduler/preemptibility=non-preemptible",
    ]


@pytest.mark.parametrize(
    ("pod_spec", "priority", "preemptible"),
    [
        ({}, "", ""),
        ({"priorityClassName": "train"}, "train", ""),
        ({"priorityClassName": "train", "schedulerName": "kai-scheduler"}, "train", "yes"),
        ({"priorityClassName": "inference", "schedulerName": "kai-scheduler"}, "inference", "no"),
        ({"priorityClassName": "our-own", "schedulerName": "kai-scheduler"}, "our-own", ""),
    ],
)
def test_whether_it_is_preemptible_is_said_only_where_something_says_so(
    red, cluster, pod_spec, priority, preemptible
):
    found = observed(cluster, pod_spec=pod_spec)
    assert (found.priority, found.preemptible) == (priority, preemptible)


def test_a_helm_release_is_an_application_and_an_owner_leads_the_chain(red, cluster):
    owner = {"kind": "CronJob", "name": "nightly", "uid": "c", "controller": True}
    meta = {"annotations": {"meta.helm.sh/release-name": "vision"}, "ownerReferences": [owner]}
    found = observed(cluster, meta=meta)
    assert found.application == "vision"
    assert found.owner_chain == "CronJob nightly > Job llama-7"


@pytest.mark.parametrize(
    ("spec", "subdomain", "runs", "architecture"),
    [
        ({}, "", 1, "Standard"),
        ({"parallelism": 4}, "", 1, "Standard"),
        ({"parallelism": 4, "completions": 9}, "", 9, "Standard"),
        ({"parallelism": 4, "completions": 4, "completionMode": "Indexed"}, "", 4, "Standard"),
        ({"parallelism": 4, "completions": 4, "completionMode": "Indexed"}, "llama", 4, "Distributed"),
    ],
)
def test_pods_that_find_one_another_by_name_are_distributed(
    red, cluster, spec, subdomain, runs, architecture
):
    found = observed(cluster, spec=spec, pod_spec={"subdomain": subdomain})
    assert (found.runs_requested, found.architecture) == (runs, architecture)


def test_only_pods_that_have_a_node_and_go_on_hold_what_they_asked_for(red, cluster):
    waiting = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]}
    observe(cluster, [job(), pod("a"), pod("b"), pod("c", node="", **waiting)])
    held = row()
    assert (held.gpu_millis_allocated, held.cpu_millis_allocated) == (4000, 1000)
    assert held.memory_bytes_allocated == 2 * GIB
    observe(cluster, [pod("a", version="2", phase="Succeeded"), Seen("pods", "b")])
    assert row().gpu_millis_allocated == 0


def test_the_exit_code_is_that_of_the_pod_that_failed_last_and_stays(red, cluster):
    def failed(code, finished):
        ended = {"exitCode": code, "reason": "Error", "finishedAt": finished}
        return {"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]}

    observe(
        cluster,
        [
            job(),
            pod("late", **failed(137, "2026-01-02T00:00:00Z")),
            pod("early", **failed(2, "2026-01-01T00:00:00Z")),
        ],
    )
    assert row().exit_code == 137
    observe(cluster, [pod("again")])
    assert row().exit_code == 137


@pytest.mark.parametrize("nodes_first", [True, False])
def test_node_pools_are_told_whichever_comes_first_and_follow_a_relabelled_node(red, cluster, nodes_first):
    def nodes(*seen):
        node_pools.follow(cluster, observe_nodes(cluster, seen))

    nodes_of_two = [node(**{"kai.scheduler/node-pool": "h100"}), node("node-2")]
    if nodes_first:
        nodes(*nodes_of_two)
    observe(cluster, [job(), pod()])
    if not nodes_first:
        nodes(*nodes_of_two)
    before = row()
    assert before.node_pools == ["h100"]
    nodes(node(version="2", **{"eks.amazonaws.com/nodegroup": "spot"}))
    assert row().node_pools == ["spot"]
    assert row().version > before.version
    observe_nodes(cluster, [Seen("nodes", "uid-node-1")])
    observe(cluster, [pod(version="2", phase="Succeeded")])
    assert row().node_pools == ["spot"]  # of what ran there, though the node is gone


def test_stays_in_a_phase_add_up(red, cluster):
    begun = timezone.now()
    workload = make_workload(red, cluster, phase="Pending", phase_at=begun)
    ready = make_pod(workload, ready=True, scheduled=True)
    waiting = make_pod(workload, phase="Pending", scheduled=False)
    for minutes, pods in ((10, [ready]), (15, []), (20, [waiting]), (50, [ready]), (90, [])):
        if not pods:
            workload.suspended, workload.desired = True, "Stopped"
        else:
            workload.suspended, workload.desired = False, "Running"
        settle(workload, pods, begun + timedelta(minutes=minutes), Room(cluster.pk))
    assert workload.time_pending == timedelta(minutes=40)
    assert workload.time_running == timedelta(minutes=45)


TOO_LARGE = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def unschedulable(message=TOO_LARGE, version="1"):
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(node="", version=version, phase="Pending", conditions=[condition])


def test_what_fits_on_no_node_is_told_as_the_form_tells_it(red, cluster, ada):
    def made(name, gpus):
        fields = {"gpus": gpus, "cpu_millis": 64_000, "memory_bytes": 2**40, "ready": True}
        return Node.objects.create(cluster=cluster, uid=name, name=name, **fields)

    made("small", 1)
    observe(cluster, [job(), unschedulable()])
    form = outlook(cluster, WorkloadSpec(name="x", gpus="2", cpu="500m", memory="1Gi"))
    assert row().message == "2 GPUs asked for, the largest node has 1 GPU"
    assert form.words == f"{row().message}."
    made("large", 8)
    observe(cluster, [unschedulable(TOO_LARGE.replace("1", "2"), version="2")])
    assert row().message == "not enough free GPUs on any of 2 nodes"


def found(user, text):
    return {row.name for row in WorkloadTable.page(user, QueryDict(f"q={text}")).rows}


def test_search_finds_phases_labels_and_applications(dee, red, cluster):
    made = make_workload(red, cluster, name="one", phase="Failed", labels=["stage=prod"], application="rag")
    make_workload(red, cluster, name="two")
    for text in ("failed", "stage=prod", "rag"):
        assert found(dee, text) == {"one"}, text
    Workload.objects.filter(pk=made.pk).update(phase="Completed")
    assert found(dee, "failed") == set()
    assert found(dee, "completed") == {"one"}


def test_a_part_of_a_phase_is_found_beside_names_that_hold_it_and_beside_other_words(dee, red, cluster):
    make_workload(red, cluster, name="trial-run", phase="Failed")
    make_workload(red, cluster, name="one", phase="Running", labels=["stage=prod"])
    make_workload(red, cluster, name="two", phase="Running")
    make_workload(red, cluster, name="gone", phase="Running", deleted_at=timezone.now())
    assert found(dee, "run") == {"trial-run", "one", "two"}
    assert found(dee, "run+prod") == {"one"}
    assert found(dee, "running+failed") == set()


def test_a_change_of_phase_leaves_the_words_alone(red, cluster):
    made = make_workload(red, cluster, name="one", phase="Running")
    before = written_words()
    Workload.objects.filter(pk=made.pk).update(phase="Failed", message="x")
    assert written_words() == before
    Workload.objects.filter(pk=made.pk).update(nodes=["node-1"])
    assert written_words() == before + 1
    made.delete()
    assert not SearchText.objects.exists()


def written_words():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = 'workloads_searchtext'"
        )
        return cursor.fetchone()[0]


def test_search_follows_a_project_and_a_person_that_are_renamed(dee, ada, red, cluster):
    make_workload(red, cluster, name="one", created_by=ada)
    red.name, ada.last_name = "crimson", "Byron"
    red.save()
    ada.save()
    assert found(dee, "crimson") == found(dee, "byron") == {"one"}
    assert found(dee, "lovell") == set()


def test_a_submission_of_ours_has_its_facts_from_the_start(ada, red, cluster):
    spec = WorkloadSpec(name="mine", image="torch:2", command="python x.py", gpus="1")
    made = submit(ada, red, cluster, spec)
    made.refresh_from_db()
    assert (made.category, made.architecture, made.runs_requested) == ("Train", "Standard", 1)
    assert made.changed_at == made.created_at
