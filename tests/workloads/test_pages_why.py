"""The card that says why a workload waits or failed: from its pods and events, with the next step."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from runyard.clusters.models import Node
from tests.make import make_pod, make_workload
from workloads.models import Event
from workloads.waiting.sources import LONGEST, why

GPUS_SHORT = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."


def text(response):
    return response.content.decode()


@pytest.fixture
def pending(red, cluster, ada):
    """Ada's training that asks for 8 GPUs on one node; its only pod has none yet, and nobody says why."""
    workload = make_workload(
        red, cluster, name="redwood-wait", created_by=ada, phase="Pending", gpu_millis=8000
    )
    make_pod(workload, phase="Pending", gpu_millis=8000)
    return workload


def says(workload, reason, message, **fields):
    """An event of the cluster about the first pod of `workload`, or what `fields` name."""
    now = timezone.now()
    pod = workload.pods.first()
    about = {
        "cluster": workload.cluster,
        "workload": workload,
        "uid": f"e{Event.objects.count()}",
        "resource_version": "1",
        "regarding_uid": pod.uid if pod else workload.uid,
        "regarding_kind": "Pod",
        "regarding_name": pod.name if pod else workload.name,
        "type": "Warning",
        "first_at": now,
        "last_at": now,
        "source": "default-scheduler",
    }
    return Event.objects.create(reason=reason, message=message, **{**about, **fields})


def answer(user, workload):
    return why(user, workload, list(workload.pods.all()))


def node(cluster, name, gpus):
    return Node.objects.create(
        cluster=cluster, uid=name, name=name, resource_version="1", ready=True, gpus=gpus,
        cpu_millis=64_000, memory_bytes=2**40,
    )  # fmt: skip


def test_a_pending_workload_that_nobody_speaks_of_has_no_card(ada, pending, browse):
    assert answer(ada, pending) is None
    assert "Why it waits" not in text(browse(ada).get(f"/workloads/{pending.pk}/"))


def test_it_names_what_would_have_to_change(ada, pending, cluster, browse):
    node(cluster, "node-1", 8), node(cluster, "node-2", 8)
    other = make_workload(pending.project, cluster)
    for name, held in (("node-1", 5000), ("node-2", 6000)):
        make_pod(other, node=name, gpu_millis=held, scheduled=True)
    pending.pods.update(reason="Unschedulable", message=GPUS_SHORT)
    page = text(browse(ada).get(f"/workloads/{pending.pk}/"))
    assert "Why it waits" in page
    assert "Not enough free GPUs on any of 2 nodes." in page
    assert "8 GPUs on one node asked for; the largest free block is 3 GPUs, on node-1" in page
    assert "Ask for less per pod to start sooner." in page
    assert GPUS_SHORT in page


def test_the_same_words_of_two_who_tell_them_stand_there_once(ada, pending, browse):
    pending.pods.update(reason="Unschedulable", message=GPUS_SHORT)
    says(pending, "FailedScheduling", GPUS_SHORT)
    sources = answer(ada, pending).sources
    assert [one.reason for one in sources] == ["Unschedulable", "FailedScheduling"]
    page = text(browse(ada).get(f"/workloads/{pending.pk}/"))
    words, _ = page[page.index("In the cluster's own words") :].split("</details>", 1)
    assert words.count(GPUS_SHORT) == 1


def test_it_says_when_no_node_could_ever_take_it(ada, pending, cluster):
    node(cluster, "node-1", 4)
    pending.pods.update(reason="Unschedulable", message=GPUS_SHORT)
    found = answer(ada, pending)
    assert found.words == "8 GPUs asked for, the largest node has 4 GPUs."
    assert (found.room, "never starts" in found.step) == ("", True)


def test_a_command_that_could_not_be_started_is_named(ada, pending):
    pending.pods.update(
        phase="Failed", exit_code=127, reason="StartError",
        message='exec: "trian.py": executable file not found in $PATH',
    )  # fmt: skip
    pending.phase = "Failed"
    found = answer(ada, pending)
    assert "ended with 127: its command “trian.py” is not in the image." in found.words
    assert "correct the command" in found.step


def test_room_is_not_spoken_of_where_there_is_some(ada, pending, cluster):
    node(cluster, "node-1", 8)
    pending.pods.update(reason="Unschedulable", message=GPUS_SHORT)
    assert answer(ada, pending).room == ""


def test_an_event_says_what_the_pod_does_not(ada, pending):
    says(pending, "FailedScheduling", '0/2 nodes are available: persistentvolumeclaim "data" not found.')
    assert answer(ada, pending).words == "Its volume claim “data” does not exist."


def test_what_is_said_of_its_pod_group_explains_it(ada, pending):
    limit = (
        "red quota has reached the allowable limit of GPUs. Limit is 8 GPUs, currently 6 GPUs allocated and "
        "workload requested 4 GPUs"
    )
    says(
        pending,
        "Unschedulable",
        limit,
        regarding_kind="PodGroup",
        regarding_uid="group",
        source="kai-scheduler",
    )
    assert answer(ada, pending).words == "Over the limit of GPUs of queue red: 4 asked for, 6 of 8 in use."


@pytest.mark.parametrize(
    ("reason", "kind", "message", "words"),
    [
        (
            "Evict", "PodGroup",
            "Pod {namespace}/{pod} was preempted by workload kteam/pg-q-low-6sp59-d54c8b08-0f42-468f-b0eb-"
            "1dd944bc1785.\nbig uses <GPU: 18, CPU: 4 (cores), memory: 4.294 (GB)>",
            "it gave way to workload kteam/q-low-6sp59",
        ),
        (
            "Preempted", "Pod", "Preempted by pod 3a7a2c1e-5b4f-4dc2-9a56-2f8e2f1f4d11 on node gpu-7",
            "a pod of higher priority took its place on gpu-7",
        ),
    ],
)  # fmt: skip
def test_a_workload_that_ended_as_its_pod_was_taken_says_by_whom(ada, pending, reason, kind, message, words):
    pod = pending.pods.get()
    pending.pods.update(phase="Failed", exit_code=143, reason="Error")
    type(pending).objects.filter(pk=pending.pk).update(phase="Failed", terminal="Failed")
    pending.refresh_from_db()
    assert answer(ada, pending).words == f"Its pod {pod.name} ended with 143: ended by SIGTERM."
    told = message.format(namespace=pending.namespace, pod=pod.name)
    says(pending, reason, told.replace(pod.name, "another"), regarding_kind=kind, regarding_uid="another")
    assert answer(ada, pending).words.endswith("ended by SIGTERM.")
    before = pod.created_at - timedelta(minutes=1)
    says(pending, reason, told, regarding_kind=kind, regarding_uid=pod.uid, last_at=before)
    assert answer(ada, pending).words.endswith("ended by SIGTERM."), "that was an earlier pod of its name"
    says(pending, reason, told, regarding_kind=kind, regarding_uid=pod.uid)
    found = answer(ada, pending)
    assert found.words == f"Its pod {pod.name} was taken from its node: {words}."
    assert found.sources[0].reason == reason


def test_a_refusal_to_make_pods_is_told_of_the_root(ada, red, cluster):
    workload = make_workload(red, cluster, phase="Creating")
    quota = (
        'Error creating: pods "x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=8, '
        "used: requests.nvidia.com/gpu=4, limited: requests.nvidia.com/gpu=8"
    )
    says(
        workload,
        "FailedCreate",
        quota,
        regarding_uid=workload.uid,
        regarding_kind="Job",
        source="job-controller",
    )
    found = answer(ada, workload)
    assert "the quota “gpus” of its namespace is used up".casefold() in found.words.casefold()
    assert found.sources[0].by == "job-controller"


def test_what_was_said_before_this_phase_began_is_over(ada, red, cluster):
    workload = make_workload(red, cluster, phase="Creating")
    old = timezone.now() - timedelta(hours=1)
    says(
        workload, "FailedCreate", "Error creating: no", regarding_uid=workload.uid, first_at=old, last_at=old
    )
    assert answer(ada, workload) is None


def test_what_the_scheduler_said_no_longer_matters_once_a_pod_has_a_node(ada, pending):
    says(pending, "FailedScheduling", GPUS_SHORT)
    pending.pods.update(scheduled=True, node="node-1", reason="ContainerCreating")
    pending.phase = "Initializing"
    says(pending, "FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap "train" not found')
    found = answer(ada, pending)
    assert found.words == "The configmap “train” it uses does not exist."
    assert GPUS_SHORT not in [source.message for source in found.sources]


def test_a_special_reason_wins_over_a_general_one(ada, pending):
    pending.pods.update(
        scheduled=True, node="node-1", reason="ImagePullBackOff", message='Back-off pulling image "x/y:1"'
    )
    pending.phase = "Initializing"
    says(
        pending, "Failed", 'Failed to pull image "x/y:1": rpc error: code = NotFound desc = x/y:1: not found'
    )
    assert answer(ada, pending).words == "Its image x/y:1 is not in the registry."


def test_a_pull_that_is_over_explains_nothing(ada, pending):
    now = timezone.now()
    pending.pods.update(scheduled=True, node="node-1", reason="ContainerCreating")
    pending.phase = "Initializing"
    at = {"type": "Normal", "source": "kubelet"}
    says(pending, "Pulling", 'Pulling image "x/y:1"', **at, last_at=now - timedelta(seconds=30))
    assert answer(ada, pending).words == "Its image x/y:1 is being pulled."
    says(pending, "Pulled", 'Successfully pulled image "x/y:1" in 20s', **at)
    assert answer(ada, pending) is None


def test_a_crash_loop_says_how_it_crashed(ada, pending):
    pending.pods.update(
        scheduled=True, phase="Running", reason="CrashLoopBackOff", exit_code=139, restarts=4,
        message="back-off 5m0s restarting failed container=main",
    )  # fmt: skip
    pending.phase = "Degraded"
    found = answer(ada, pending)
    assert (found.title, found.words) == ("Why it is degraded", "It crashed with 139: segmentation fault.")
    assert "started again by itself" in found.step


def test_a_failed_workload_says_why_and_what_to_do(ada, pending, browse):
    pending.pods.update(
        phase="Failed", exit_code=137, reason="OOMKilled",
        containers=[{"name": "main", "image": "x", "memory_limit": 8 * 2**30}],
    )  # fmt: skip
    type(pending).objects.filter(pk=pending.pk).update(phase="Failed", terminal="Failed")
    page = text(browse(ada).get(f"/workloads/{pending.pk}/"))
    assert "Why it failed" in page
    assert "ended with 137: out of memory, limit 8 GiB." in page
    assert "Ask for more memory" in page


def test_what_the_cluster_refused_is_explained_too(ada, red, cluster):
    workload = make_workload(
        red, cluster, uid=None, phase="Failed", terminal="Failed", terminal_reason="NotCreated",
        terminal_message='admission webhook "rules.example" denied the request: no GPU on Sundays',
    )  # fmt: skip
    found = answer(ada, workload)
    assert found.words == "A rule of the cluster refuses its pods: no GPU on Sundays."
    assert "rules.example" in found.step


HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }} \u202egnp"


def test_an_unknown_message_is_shown_as_it_is_and_escaped(ada, pending, browse):
    pending.pods.update(reason="Unschedulable", message=HOSTILE)
    page = text(browse(ada).get(f"/workloads/{pending.pk}/"))
    assert HOSTILE not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;{{ 7*7 }}") >= 2
    assert "Next step" not in page


def test_a_message_of_100_kb_is_cut_and_says_so(ada, pending, browse):
    pending.pods.update(reason="Unschedulable", message="x" * 100_000)
    answered = browse(ada).get(f"/workloads/{pending.pk}/")
    assert len(answered.content) < 60_000
    assert f"{100_000 - LONGEST:,} more characters" in text(answered)


def test_another_workload_s_events_explain_nothing(ada, pending, eve_training):
    make_pod(eve_training)
    says(eve_training, "FailedScheduling", GPUS_SHORT, regarding_uid=pending.pods.get().uid)
    assert answer(ada, pending) is None


@pytest.mark.parametrize("phase", ["Failed", "Completed"])
def test_what_has_ended_offers_to_run_again_as_a_copy(ada, vi, ada_training, browse, phase):
    type(ada_training).objects.filter(pk=ada_training.pk).update(phase=phase, terminal=phase)
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/"))
    assert f'href="/workloads/new?copy={ada_training.pk}"' in page
    assert "Run again as a copy" in page
    grey = text(browse(vi).get(f"/workloads/{ada_training.pk}/"))
    assert f"/workloads/new?copy={ada_training.pk}" not in grey
    assert "Run again as a copy" in grey
    assert "You lack the right to" in grey


def test_the_header_says_where_it_came_from_and_on_which_gpus(ada, ada_training, cluster, browse):
    Node.objects.create(
        cluster=cluster, uid="n", name="node-1", resource_version="1", gpus=8, gpu_product="NVIDIA-H100-80GB"
    )
    rows = type(ada_training).objects.filter(pk=ada_training.pk)
    until = timezone.now() + timedelta(hours=2, seconds=30)
    rows.update(submitted_through="cli", nodes=["node-1"], priority="train", preemptible="yes")
    rows.update(guaranteed_until=until)
    page = text(browse(ada).get(f"/workloads/{ada_training.pk}/"))
    for words in ("the command line", "1 × H100 80GB", "train, preemptible", "Ada Lovell", "Guaranteed for"):
        assert words in page
    assert re.search(r'data-time="left">2 h( 0 m)?<', page)


# --- what schedulers' own objects say ---

QUOTA = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100, "
    "2 more needed"
)


def say(reason, message, **more):
    return {"by": "Kueue", "reason": reason, "message": message, "at": "2026-01-02T03:04:05+00:00", **more}


@pytest.fixture
def queued(red, cluster, ada):
    """Ada's training that Kueue holds suspended for want of quota."""
    return make_workload(
        red,
        cluster,
        name="redwood-queued",
        created_by=ada,
        phase="Pending",
        reason="Queued",
        suspended=True,
        queueing={"queue": "team-a", "name": "job-x", "uid": "claim", "active": True,
                  "says": [say("Pending", QUOTA)]},
    )  # fmt: skip


def test_what_kueue_says_is_the_answer_with_its_own_words_below(ada, queued, browse):
    found = answer(ada, queued)
    assert found.words == "Waits for quota of GPUs in flavor a100: 2 more needed."
    assert "It starts when others in the queue end" in found.step
    assert [(one.by, one.reason, one.message, one.at.year) for one in found.sources] == [
        ("Kueue", "Pending", QUOTA, 2026)
    ]
    page = text(browse(ada).get(f"/workloads/{queued.pk}/"))
    assert "Waits for quota of GPUs in flavor a100: 2 more needed." in page
    assert "team-a" in page


def test_an_eviction_is_told_before_what_is_missing_since(ada, queued):
    taken = "Preempted to accommodate a workload (UID: 1) due to reclamation within the cohort"
    queued.queueing["says"].insert(0, say("Preempted", taken, evicted=True))
    found = answer(ada, queued)
    assert found.words == (
        "Evicted: it gave way to another workload (reclamation within the cohort); waits for quota of "
        "GPUs in flavor a100: 2 more needed."
    )
    assert "It starts when others in the queue end" in found.step
    assert [one.reason for one in found.sources] == ["Preempted", "Pending"]


def test_what_was_said_before_no_longer_counts_where_the_object_says_what_is_true(ada, queued):
    says(
        queued, "Pending", "insufficient quota for cpu in flavor any, request > maximum capacity (9 > 8)",
        regarding_kind="Workload", regarding_uid="claim",
    )  # fmt: skip
    found = answer(ada, queued)
    assert found.words.startswith("Waits for quota")
    assert len(found.sources) == 1


def test_an_admission_check_is_told_with_whose_it_is(ada, queued):
    queued.queueing["says"] = [say("Retry", "no nodes for <b>now</b>", check="prov")]
    found = answer(ada, queued)
    assert found.words == "Waits for the admission check “prov”: no nodes for <b>now</b>."
    assert found.sources[0].by == "Kueue, check prov"


def test_a_check_that_failed_before_is_told_in_words_of_ours(ada, queued):
    again = "Reset to Pending after eviction. Previously: Retry"
    queued.queueing["says"] = [say("Pending", again, check="budget")]
    found = answer(ada, queued)
    assert found.words == "Waits for the admission check “budget”, which it did not pass before."
    assert found.sources[0].message == again


def test_why_a_check_refused_it_stands_before_that_it_did(ada, queued):
    refused = "The workload is deactivated due to Admission check(s): budget, were rejected"
    queued.queueing["says"] = [say("DeactivatedDueToAdmissionCheck", refused)]
    queued.phase = "Stopped"
    queued.save()
    assert answer(ada, queued).words == "It was refused by the admission checks of its queue (budget)."
    says(
        queued, "AdmissionCheckRejected",
        "Deactivating workload because AdmissionCheck for budget was Rejected: the project has no budget",
        regarding_kind="Workload", regarding_uid="claim",
    )  # fmt: skip
    found = answer(ada, queued)
    assert found.words == "The admission check “budget” refused it (the project has no budget)."
    assert {one.reason for one in found.sources} == {
        "AdmissionCheckRejected", "DeactivatedDueToAdmissionCheck"
    }  # fmt: skip


def test_hostile_words_of_a_queue_are_escaped(ada, queued, browse):
    queued.queueing = {
        "queue": "<script>q</script>",
        "active": True,
        "says": [say("X", "<script>m</script>")],
    }
    queued.save()
    page = text(browse(ada).get(f"/workloads/{queued.pk}/"))
    assert "&lt;script&gt;m" in page
    assert "<script>m" not in page
    assert "<script>q" not in page


def test_a_groups_words_are_kept_for_pods_that_have_no_node(ada, pending):
    over = "Non-preemptible workload is over quota. more"
    pending.queueing = {"queue": "red", "says": [say("NonPreemptibleOverQuota", over) | {"by": "KAI"}]}
    pending.pods.update(reason="Unschedulable", message="something that nobody knows")
    assert answer(ada, pending).words.startswith("Over quota")
    pending.pods.update(scheduled=True, reason="ImagePullBackOff", message="Back-off pulling image x")
    assert "quota" not in answer(ada, pending).words
