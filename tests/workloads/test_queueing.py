"""What Kueue, KAI and Volcano say in their own objects: the phase, the words beside it, the event history."""

import json

import msgspec
import pytest

from runyard.clusters.connection import ApiError
from runyard.clusters.observed import Seen
from tests.workloads.test_observing import NOW, job, pod
from workloads import actions, tasks
from workloads.models import Event, PhaseChange, QueueEntry, Workload
from workloads.observing import observe
from workloads.queueing.schedulers import KAI, KUEUE, SCHEDULERS, VOLCANO
from workloads.status import Phase, Reason
from workloads.waiting.sources import why

HELD = {"suspend": True}
QUEUED = {"kueue.x-k8s.io/queue-name": "team-a"}
FULL = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100, "
    "2 more needed"
)
TAKEN = "Preempted to accommodate a workload (UID: 7, JobUID: 8) due to prioritization in the ClusterQueue"


def condition(type_, status="True", reason="", message="", at=NOW):
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def owner(uid, kind="Job"):
    return [{"kind": kind, "name": "llama", "uid": uid, "controller": True}]


def said(scheduler, uid, version, name, spec, status, owners=None, namespace="red", **meta):
    found = {
        "metadata": {
            "uid": uid, "name": name, "namespace": namespace, "resourceVersion": version,
            "creationTimestamp": NOW, "ownerReferences": owners, **meta,
        },
        "spec": spec,
        "status": status,
    }  # fmt: skip
    return Seen(scheduler.resource, uid, msgspec.json.decode(json.dumps(found).encode(), type=scheduler.type))


def claim(*conditions, version="1", uid="claim-1", active=True, of="job-1", checks=None, again=None, **meta):
    status = {"conditions": list(conditions), "admissionChecks": checks, "requeueState": again}
    spec = {"queueName": "team-a", "active": active}
    return said(KUEUE, uid, version, f"job-llama-{uid}", spec, status, owner(of), **meta)


def group(*conditions, version="1", uid="group-1", owners=None, scheduler=KAI, name="pg-llama", **meta):
    field = "schedulingConditions" if scheduler is KAI else "conditions"
    spec, status = {"queue": "team-red", "minMember": 1}, {field: list(conditions)}
    return said(scheduler, uid, version, name, spec, status, owners or owner("job-1"), **meta)


def waits(reason="Pending", message=FULL, at=NOW):
    return condition("QuotaReserved", "False", reason, message, at)


ADMITTED = (condition("QuotaReserved", reason="QuotaReserved"), condition("Admitted", reason="Admitted"))
UNPLACED = {"phase": "Pending", "ready": False, "node": ""}


def row():
    return Workload.objects.get()


def life():
    return list(PhaseChange.objects.order_by("pk").values_list("phase", flat=True))


# --- Kueue: phases ---


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("labels", [{}, QUEUED])
def test_a_job_that_kueue_holds_is_pending_in_kueues_words(red, cluster, order, labels):
    seen = [job(spec=HELD, labels=labels), claim(waits())]
    for index in order:
        observe(cluster, [seen[index]])
    assert (row().phase, row().reason) == (Phase.PENDING, Reason.QUEUED)
    assert row().message == "waits for quota of GPUs in flavor a100: 2 more needed"
    assert row().queueing["queue"] == "team-a"


def test_a_job_made_for_a_queue_is_never_shown_stopped_before_kueue_sees_it(red, cluster):
    observe(cluster, [job(spec=HELD, labels=QUEUED)])
    assert (row().phase, row().message) == (Phase.PENDING, "waits for Kueue to take it up")
    observe(cluster, [claim(waits())])
    assert life() == [Phase.PENDING]


def test_an_eviction_is_no_stop_though_kueues_own_object_may_not_be_read(red, cluster):
    observe(cluster, [job(labels=QUEUED), pod()])
    observe(cluster, [job(version="2", labels=QUEUED, spec=HELD), Seen("pods", "pod-1")])
    assert (row().phase, row().message) == (Phase.PENDING, "waits for Kueue to take it up")
    observe(cluster, [job(version="3", labels=QUEUED), pod("pod-2", ready=False, phase="Pending")])
    assert row().phase == Phase.INITIALIZING


def test_a_stop_of_a_labelled_job_stays_a_stop_until_it_is_resumed(red, cluster, bo):
    observe(cluster, [job(labels=QUEUED), pod()])
    actions.stop(row(), bo)
    observe(cluster, [job(version="2", labels=QUEUED, spec=HELD), Seen("pods", "pod-1")])
    assert row().phase == Phase.STOPPED
    observe(cluster, [job(version="3", labels=QUEUED)])
    assert (row().phase, row().desired) == (Phase.RESUMING, "Running")


def test_a_suspended_job_of_nobodys_queue_is_stopped_as_ever(red, cluster):
    observe(cluster, [job(spec=HELD)])
    assert row().phase == Phase.STOPPED


def test_admitted_it_starts_and_runs(red, cluster):
    observe(cluster, [job(spec=HELD), claim(waits())])
    observe(cluster, [claim(*ADMITTED, version="2"), job(version="2", spec={"suspend": False})])
    assert (row().phase, row().reason, row().queueing.get("says")) == (Phase.CREATING, Reason.NO_PODS, None)
    observe(cluster, [pod()])
    assert row().phase == Phase.RUNNING


def test_evicted_it_ends_its_pods_and_waits_again_and_says_so(red, cluster):
    observe(cluster, [job(), pod(), claim(*ADMITTED)])
    evicted = [condition("Evicted", reason="Preempted", message=TAKEN), waits()]
    observe(cluster, [claim(*evicted, version="2"), job(version="2", spec=HELD)])
    assert (row().phase, row().reason) == (Phase.STOPPING, Reason.EVICTED)
    observe(cluster, [Seen("pods", "pod-1")])
    assert (row().phase, row().reason) == (Phase.PENDING, Reason.EVICTED)
    assert row().message == (
        "evicted: it gave way to another workload (prioritization in the ClusterQueue); "
        "waits for quota of GPUs in flavor a100: 2 more needed"
    )
    assert row().desired == "Running"
    observe(cluster, [claim(*ADMITTED, condition("Evicted", "False"), version="3"), job(version="3")])
    observe(cluster, [pod("pod-2", ready=False, phase="Pending")])
    assert row().phase == Phase.INITIALIZING


LATE = "Exceeded the PodsReady timeout red/job-llama-claim-1"
TRIES = {
    "none yet": (None, ""),
    "nothing in it": ({}, ""),
    "empty values": ({"count": None, "requeueAt": None}, ""),
    "a first one to come": (
        {"count": 1, "requeueAt": "2026-01-02T03:09:05Z"},
        "; try 2 is not before 2026-01-02 03:09:05 UTC",
    ),
    "written in another zone": (
        {"count": 4, "requeueAt": "2026-01-02T03:09:05+05:00"},
        "; try 5 is not before 2026-01-01 22:09:05 UTC",
    ),
    "a check that has it wait, which counts nothing": (
        {"requeueAt": "2026-01-02T03:09:05Z"},
        "; the next try is not before 2026-01-02 03:09:05 UTC",
    ),
    "its time has come": ({"count": 2}, "; try 3 is next"),
    "no time at all": ({"count": 2, "requeueAt": "soon"}, "; try 3 is next"),
    "a time nobody can mean": ({"count": 2, "requeueAt": "9999-12-31T23:59:59Z"}, "; try 3 is next"),
}


@pytest.mark.parametrize("case", TRIES)
def test_a_job_that_waits_for_its_next_try_says_when_and_which(red, cluster, dee, case):
    again, said = TRIES[case]
    late = [condition("Evicted", reason="PodsReadyTimeout", message=LATE), waits(message=LATE)]
    observe(cluster, [job(spec=HELD), claim(*late, again=again)])
    words = f"evicted: its pods were not ready in time{said}"
    assert (row().reason, row().message) == (Reason.EVICTED, words)
    found = why(dee, row(), [])
    assert found.words == f"E{words[1:]}."
    assert found.step.startswith("It is tried again by itself.")
    told = [source.message for source in found.sources if source.reason == "requeueState"]
    assert (len(told), row().version) == (1 if said else 0, 1)


def test_the_next_try_follows_kueue_until_it_has_room(red, cluster):
    late = condition("Evicted", reason="PodsReadyTimeout", message=LATE)
    observe(cluster, [job(spec=HELD), claim(late, again={"count": 1, "requeueAt": "2026-01-02T03:09:05Z"})])
    assert "try 2 is not before" in row().message
    observe(cluster, [claim(late, waits(), version="2", again={"count": 1})])
    assert row().message == (
        "evicted: its pods were not ready in time; try 2 is next; "
        "waits for quota of GPUs in flavor a100: 2 more needed"
    )
    observe(cluster, [claim(*ADMITTED, version="3", again={"count": 1}), job(version="2")])
    observe(cluster, [pod(ready=False, phase="Pending")])
    assert "try" not in row().message


def test_a_preemption_is_no_try_though_kueue_counted_one_before(red, cluster):
    message = "Preempted to accommodate a workload due to prioritization"
    gave_way = condition("Evicted", reason="Preempted", message=message)
    counted = {"count": 1, "requeueAt": "2026-01-02T03:09:05Z"}
    observe(cluster, [job(spec=HELD), claim(gave_way, again=counted)])
    assert row().message == f"evicted: {message}"


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        (
            [{"name": "prov", "state": "Pending", "message": "waiting for 2 nodes"}],
            "waits for the admission check “prov”: waiting for 2 nodes",
        ),
        (
            [{"name": "budget", "state": "Ready", "message": "fine"}, {"name": "prov", "state": "Retry"}],
            "waits for the admission check “prov”",
        ),
    ],
)
def test_an_admission_check_is_named(red, cluster, checks, words):
    reserved = condition("QuotaReserved", reason="QuotaReserved")
    observe(cluster, [job(spec=HELD), claim(reserved, checks=checks)])
    assert (row().phase, row().message) == (Phase.PENDING, words)


def test_switched_off_in_its_queue_it_is_stopped_and_runs_again_when_switched_on(red, cluster):
    observe(cluster, [job(spec=HELD), claim(waits())])
    observe(cluster, [claim(waits(), version="2", active=False)])
    assert (row().phase, row().desired) == (Phase.STOPPED, "Stopped")
    observe(cluster, [claim(waits(), version="3", active=True)])
    assert (row().phase, row().desired) == (Phase.PENDING, "Running")


@pytest.mark.parametrize("told", ["The workload is deactivated", TAKEN])
def test_what_people_stopped_says_nothing_of_what_was_before(red, cluster, told):
    evicted = condition("Evicted", reason="Preempted", message=told)
    observe(cluster, [job(spec=HELD), claim(evicted, waits(), active=False)])
    assert (row().phase, row().why) == (Phase.STOPPED, "")


def test_kueue_that_gives_up_says_why(red, cluster, dee):
    told = "The workload is deactivated due to exceeding the maximum number of re-queuing retries"
    gave_up = condition("Evicted", reason="DeactivatedDueToRequeuingLimitExceeded", message=told)
    observe(cluster, [job(spec=HELD), claim(gave_up, active=False)])
    words = "its pods were not ready in time too often, so it was switched off in its queue"
    assert (row().phase, row().why) == (Phase.STOPPED, words)
    assert (
        why(dee, row(), []).words
        == "Its pods were not ready in time too often, so it was switched off in its queue."
    )


def test_switched_on_again_it_was_not_evicted(red, cluster):
    off = condition("Evicted", reason="Deactivated", message="The workload is deactivated")
    again = condition("Requeued", reason="Reactivated", message="The workload was reactivated")
    observe(cluster, [job(spec=HELD), claim(off, again, waits())])
    assert (row().phase, row().reason) == (Phase.PENDING, Reason.QUEUED)
    assert row().message == "waits for quota of GPUs in flavor a100: 2 more needed"


def test_a_stop_that_was_asked_for_stands_until_kueue_is_told(red, cluster, bo):
    observe(cluster, [job(spec=HELD), claim(waits())])
    actions.stop(row(), bo)
    assert row().phase == Phase.STOPPING
    observe(cluster, [claim(waits(message="other words"), version="2")])
    assert row().phase == Phase.STOPPING
    observe(cluster, [claim(waits(), version="3", active=False)])
    assert row().phase == Phase.STOPPED
    actions.run(row(), bo)
    assert row().phase == Phase.RESUMING
    observe(cluster, [claim(waits(), version="4")])
    assert row().phase == Phase.PENDING


def test_words_nobody_knows_are_passed_on_and_no_words_are_no_guess(red, cluster):
    observe(cluster, [job(spec=HELD), claim(waits("Odd", "the moon is full"))])
    assert row().why == "the moon is full"
    observe(cluster, [claim(version="2")])
    assert (row().phase, row().why) == (Phase.PENDING, "waiting in its queue")


def test_of_several_objects_about_one_job_the_newest_unfinished_counts(red, cluster):
    old = claim(waits(message="old"), uid="old", creationTimestamp="2026-01-01T00:00:00Z")
    done = claim(condition("Finished"), uid="done", creationTimestamp="2026-01-03T00:00:00Z")
    observe(cluster, [job(spec=HELD), old, claim(waits(message="new")), done])
    assert row().message == "new"


def test_without_its_kueue_object_nothing_is_said_for_kueue_any_more(red, cluster):
    observe(cluster, [job(spec=HELD), claim(waits())])
    observe(cluster, [Seen(KUEUE.resource, "claim-1")])
    assert (row().queueing, row().phase, QueueEntry.objects.count()) == ({}, Phase.CREATING, 0)


# --- Kueue: stop and run ---


class Api:
    """A cluster that refuses some paths; what was asked of it."""

    def __init__(self, **codes):
        self.codes, self.asked = codes, []

    def patch(self, path, change):
        self.asked.append((path, change["spec"]))
        code = next((code for part, code in self.codes.items() if f"/{part}/" in path), 0)
        if code:
            raise ApiError(code, "", "no")


@pytest.fixture
def act(red, cluster, bo, monkeypatch):
    """`act(api, verb)`: Bo asks for it of a job that Kueue holds, and it is performed on `api`."""

    def perform(api, verb):
        monkeypatch.setattr(tasks, "connect", lambda _: api)
        monkeypatch.setattr(tasks, "wake_all", lambda pks: None)
        action = actions.VERBS[verb](row(), bo)
        tasks.perform(action.pk)
        action.refresh_from_db()
        return action

    observe(cluster, [job(spec=HELD), claim(waits())])
    return perform


CLAIM = "/apis/kueue.x-k8s.io/{}/namespaces/red/workloads/job-llama-claim-1"


def test_stop_switches_it_off_in_its_queue_and_leaves_the_job(act):
    api = Api()
    assert act(api, "stop").state == "done"
    assert api.asked == [(CLAIM.format("v1beta2"), {"active": False})]


def test_an_older_kueue_is_asked_in_its_own_version(act):
    api = Api(v1beta2=404)
    assert act(api, "stop").state == "done"
    assert api.asked[-1] == (CLAIM.format("v1beta1"), {"active": False})


def test_what_its_queue_holds_no_more_is_suspended_itself(act):
    api = Api(v1beta2=404, v1beta1=404)
    assert act(api, "stop").state == "done"
    assert api.asked[-1] == ("/apis/batch/v1/namespaces/red/jobs/llama", {"suspend": True})


def test_a_stop_that_kueue_refuses_is_told_and_taken_back(act):
    action = act(Api(v1beta2=403), "stop")
    assert (action.state, action.error) == ("failed", "no")
    assert (row().desired, row().phase) == ("Running", Phase.PENDING)


# --- KAI and Volcano ---

NO_QUOTA = (
    "Non-preemptible workload is over quota. Workload requested 4 GPUs, but team-red quota is 2 GPUs, "
    "while 1 GPUs are already allocated for non-preemptible pods."
)
OVER = "over quota of GPUs: 4 asked for, queue team-red has 2, of which 1 are taken"


def unschedulable(*reasons, message="", **fields):
    return condition("UnschedulableOnNodePool", "True", "Unschedulable", message) | {
        "nodePool": "default", "reasons": list(reasons), **fields
    }  # fmt: skip


def test_what_kai_says_of_a_group_stands_beside_the_phase(red, cluster):
    reasons = {"reason": "NonPreemptibleOverQuota", "message": NO_QUOTA}
    observe(cluster, [job(), pod(**UNPLACED), group(unschedulable(reasons))])
    assert (row().phase, row().message) == (Phase.PENDING, OVER)
    assert row().queueing["says"][0]["by"] == "KAI"
    assert row().queueing["queue"] == "team-red"


def test_without_reasons_kais_own_message_counts(red, cluster):
    observe(cluster, [job(), pod(**UNPLACED), group(unschedulable(message=NO_QUOTA))])
    assert row().message == OVER


def test_of_a_group_with_a_pod_on_a_node_kais_old_words_say_nothing(red, cluster):
    observe(cluster, [job(), pod(**UNPLACED), group(unschedulable(message=NO_QUOTA))])
    observe(cluster, [pod(version="2", ready=False, phase="Pending"), pod("pod-2", **UNPLACED)])
    assert OVER not in row().message


def test_volcanos_group_says_what_it_waits_for_until_it_was_scheduled(red, cluster):
    gang = "3/4 tasks in gang unschedulable: pod group is not ready, 1 Pending, 4 minAvailable"
    waiting = condition("Unschedulable", reason="NotEnoughResources", message=gang)
    name = "podgroup-3f6e2a10-9c1b-4f52-8a77-0d2b6c1e5f90"
    observe(cluster, [job(), pod(**UNPLACED), group(waiting, scheduler=VOLCANO, name=name)])
    assert row().message.startswith("its pods start together (4 at least)")
    placed = condition("Scheduled", at="2026-01-02T03:05:00Z")
    observe(cluster, [group(waiting, placed, scheduler=VOLCANO, name=name, version="2")])
    assert "says" not in row().queueing


ROOT = "3f6e2a10-9c1b-4f52-8a77-0d2b6c1e5f90"


@pytest.mark.parametrize(
    "tie",
    [
        {"owners": owner(ROOT)},
        {"owners": [{"kind": "Job", "name": "llama", "uid": ROOT}]},
        {"owners": owner("pod-1", "Pod")},
        {"annotations": {"kai.scheduler/top-owner-metadata": f"name: llama\nuid: {ROOT}\nkind: Job\n"}},
        {"name": f"pg-llama-{ROOT}"},
    ],
    ids=["its controller", "its owner", "its pod", "the top owner it names", "its name"],
)
@pytest.mark.parametrize("order", ["group first", "group last"])
def test_a_group_finds_its_workload_whatever_names_it_and_comes_first(red, blue, cluster, tie, order):
    fields = {"owners": [], **tie}
    seen = [job(ROOT), pod(owner=ROOT, **UNPLACED)]
    mine = said(
        KAI, "group-1", "1", fields.pop("name", "pg"), {"queue": "q"},
        {"schedulingConditions": [unschedulable(message=NO_QUOTA)]}, **fields
    )  # fmt: skip
    for one in [mine, *seen] if order == "group first" else [*seen, mine]:
        observe(cluster, [one])
    assert row().message == OVER
    assert QueueEntry.objects.get().workload == row()


def test_a_group_of_another_namespace_says_nothing_here(red, blue, cluster):
    observe(cluster, [group(unschedulable(message=NO_QUOTA), namespace="blue"), job(), pod(**UNPLACED)])
    observe(cluster, [claim(waits(), namespace="blue")])
    assert row().queueing == {}
    assert set(QueueEntry.objects.values_list("workload", flat=True)) == {None}


# --- history ---


def told():
    return list(Event.objects.order_by("last_at", "pk").values_list("reason", "type", "source"))


def test_each_change_of_a_condition_is_told_once(red, cluster):
    held = claim(waits())
    observe(cluster, [job(spec=HELD), held])
    observe(cluster, [held])
    QueueEntry.objects.all().delete()  # as if it were seen for the first time
    observe(cluster, [held])
    assert told() == [("Pending", "Warning", "Kueue")]
    later = "2026-01-02T03:09:05Z"
    admitted = [condition(one["type"], reason=one["reason"], at=later) for one in ADMITTED]
    observe(cluster, [claim(*admitted, version="2")])
    assert told()[1:] == [("QuotaReserved", "Normal", "Kueue"), ("Admitted", "Normal", "Kueue")]
    assert set(Event.objects.values_list("workload", flat=True)) == {row().pk}


def test_what_kueue_says_again_in_other_conditions_is_told_once(red, cluster):
    gone = "The workload is deactivated due to exceeding the maximum number of re-queuing retries"
    reason = "DeactivatedDueToRequeuingLimitExceeded"
    nothing_yet = condition("PodsReady", "False", "WaitForStart", "Not all pods are ready or succeeded")
    observe(cluster, [job(spec=HELD), claim(nothing_yet)])
    target = condition(
        "DeactivationTarget", "True", "RequeuingLimitExceeded", "exceeding the maximum number of retries"
    )
    evicted = condition("Evicted", "True", reason, gone)
    again = [waits(message=gone), condition("Requeued", "False", reason, gone)]
    observe(cluster, [claim(nothing_yet, target, evicted, *again, version="2", active=False)])
    assert told() == [(f"EvictedDueTo{reason}", "Warning", "Kueue")]


def test_what_is_said_before_the_job_is_known_is_told_of_it_as_well(red, cluster):
    observe(cluster, [claim(waits())])
    observe(cluster, [job(spec=HELD)])
    assert Event.objects.get().workload == row()


def test_kai_that_says_the_same_in_each_round_is_told_once_and_writes_no_workload(red, cluster):
    observe(cluster, [job(), pod(**UNPLACED), group(unschedulable(message=NO_QUOTA))])
    before = row().version
    again = unschedulable(message=NO_QUOTA, lastTransitionTime="2026-01-02T03:09:05Z")
    observe(cluster, [group(again, version="2")])
    assert (Event.objects.count(), row().version) == (1, before)


def test_an_event_about_the_kueue_object_is_the_workloads(red, cluster):
    from tests.workloads.test_observing import event

    about = event("mine", about="claim-1")
    about.object.involved_object.kind, about.object.involved_object.name = "Workload", "job-llama"
    observe(cluster, [about])
    observe(cluster, [job(spec=HELD), claim()])
    assert Event.objects.get(uid="mine").workload == row()


# --- hostile ---


@pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("bare", [{}, {"spec": None, "status": None}, {"spec": {}, "status": {}}])
def test_an_object_without_anything_harms_nobody(red, cluster, scheduler, bare):
    meta = {"uid": "odd", "name": "odd", "namespace": "red", "resourceVersion": "1"}
    body = json.dumps({"metadata": meta, **bare}).encode()
    odd = Seen(scheduler.resource, "odd", msgspec.json.decode(body, type=scheduler.type))
    observe(cluster, [odd, job(spec=HELD), claim(waits())])
    assert row().phase == Phase.PENDING
    assert QueueEntry.objects.count() == 2


@pytest.mark.parametrize("at", ["yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "", None, "٣"])
def test_a_bad_time_spoils_only_itself(red, cluster, at):
    observe(cluster, [job(spec=HELD), claim(waits(at=at))])
    assert row().message.startswith("waits for quota")
    assert Event.objects.get().last_at.year >= 2026


def test_huge_and_odd_texts_are_cut_to_what_can_be_kept(red, cluster):
    huge = waits("R" * 900, "a\0" * 500_000)
    observe(cluster, [job(spec=HELD), claim(*[huge] * 500, checks=[{"name": "n" * 999}] * 500)])
    assert len(row().message) <= 400
    entry = QueueEntry.objects.get()
    assert len(entry.conditions) <= 30
    assert len(entry.checks) <= 30
    assert max(len(one["message"]) for one in entry.conditions) <= 10_000


def test_the_same_again_writes_nothing(red, cluster, django_assert_max_num_queries):
    seen = [job(spec=HELD), claim(waits()), group(unschedulable(message=NO_QUOTA))]
    observe(cluster, seen)
    with django_assert_max_num_queries(12) as captured:
        assert observe(cluster, seen) == 0
    assert not [q["sql"] for q in captured if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
