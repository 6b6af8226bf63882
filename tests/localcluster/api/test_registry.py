"""The registry as the controllers of this process use it."""

import pytest

from localcluster.status import ApiError
from tests.contracts.objects import config_map, job, pod


def bound(registry, name="one", **arguments):
    """A pod that a node has."""
    registry.create("pods", "default", pod(name, spec={"schedulingGates": []}, **arguments))

    def assign(obj):
        obj["spec"]["nodeName"] = "node-1"

    return registry.mutate("pods", "default", name, assign, subresource="binding", manager="kube-scheduler")


def refused(code, call, *arguments, **named):
    with pytest.raises(ApiError) as caught:
        call(*arguments, **named)
    assert caught.value.code == code
    return caught.value


def test_what_is_returned_is_the_caller_s_own(registry):
    made = registry.create("configmaps", "default", config_map("one", {"a": "1"}))
    made["data"]["a"] = "changed"
    assert registry.get("configmaps", "default", "one")["data"] == {"a": "1"}


def test_a_mutation_that_changes_nothing_writes_nothing(registry):
    registry.create("configmaps", "default", config_map("one"))
    before = registry.store.version
    registry.mutate("configmaps", "default", "one", lambda obj: None)
    assert registry.store.version == before


def test_binding_is_the_only_way_to_a_node(registry):
    registry.create("pods", "default", pod("one", spec={"schedulingGates": []}))

    def assign(obj):
        obj["spec"]["nodeName"] = "node-1"

    refused(422, registry.mutate, "pods", "default", "one", assign)
    refused(404, registry.mutate, "pods", "default", "one", assign, subresource="nonsense")
    assert bound(registry, "two")["spec"]["nodeName"] == "node-1"
    refused(422, registry.mutate, "pods", "default", "two", lambda obj: obj["spec"].update(nodeName="other"))


def test_a_bound_pod_waits_for_its_kubelet(registry, clock):
    bound(registry)
    marked = registry.delete("pods", "default", "one")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert marked["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:35Z"
    clock.move(seconds=10)
    again = registry.delete("pods", "default", "one")
    assert again["metadata"]["deletionTimestamp"] == marked["metadata"]["deletionTimestamp"]
    hurried = registry.delete("pods", "default", "one", grace=5)
    assert hurried["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:20Z"
    slowed = registry.delete("pods", "default", "one", grace=500)
    assert slowed["metadata"]["deletionGracePeriodSeconds"] == 5
    registry.finalize("pods", "default", "one")
    refused(404, registry.get, "pods", "default", "one")


def test_grace_zero_removes_at_once(registry):
    bound(registry)
    registry.delete("pods", "default", "one", grace=0)
    refused(404, registry.get, "pods", "default", "one")


def test_an_ended_pod_needs_no_grace(registry):
    bound(registry)
    registry.mutate(
        "pods", "default", "one", lambda obj: obj["status"].update(phase="Failed"), subresource="status"
    )
    registry.delete("pods", "default", "one")
    refused(404, registry.get, "pods", "default", "one")


def test_a_pod_goes_when_both_kubelet_and_finalizers_are_done(registry):
    def release(obj):
        obj["metadata"].pop("finalizers")

    for name, kubelet_first in (("one", True), ("two", False)):
        bound(registry, name, finalizers=["batch.kubernetes.io/job-tracking"])
        registry.delete("pods", "default", name)
        steps = [
            lambda name=name: registry.finalize("pods", "default", name),
            lambda name=name: registry.mutate("pods", "default", name, release),
        ]
        first, second = steps if kubelet_first else reversed(steps)
        first()
        assert registry.get("pods", "default", name)
        second()
        refused(404, registry.get, "pods", "default", name)


def test_finalize_leaves_the_living_alone(registry):
    bound(registry)
    registry.finalize("pods", "default", "one")
    registry.finalize("pods", "default", "nobody")
    assert registry.get("pods", "default", "one")


def test_a_namespace_goes_once_it_is_finalized(registry):
    registry.create("namespaces", None, {"metadata": {"name": "red"}})
    assert registry.get("serviceaccounts", "red", "default")
    assert registry.delete("namespaces", None, "red")["status"]["phase"] == "Terminating"
    refused(403, registry.create, "configmaps", "red", config_map("late"))
    registry.finalize("namespaces", None, "red")
    refused(404, registry.get, "namespaces", None, "red")


def test_deleting_in_the_foreground_leaves_the_collector_s_finalizer(registry):
    registry.create("jobs.batch", "default", job("one"))
    marked = registry.delete("jobs.batch", "default", "one", propagation="Foreground")
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    registry.mutate("jobs.batch", "default", "one", lambda obj: obj["metadata"].pop("finalizers"))
    refused(404, registry.get, "jobs.batch", "default", "one")


def test_the_same_event_counts_up(registry, clock):
    subject = registry.create("configmaps", "default", config_map("one"))
    for _ in range(3):
        registry.event(subject, "Warning", "BackOff", "again", "kubelet")
        clock.move(seconds=5)
    registry.event(subject, "Warning", "BackOff", "another message", "kubelet")
    found = {one["message"]: one for one in registry.list("events", fields="involvedObject.name=one")}
    assert found["again"]["count"] == 3
    assert found["again"]["firstTimestamp"] == "2026-01-02T03:04:05Z"
    assert found["again"]["lastTimestamp"] == "2026-01-02T03:04:15Z"
    assert found["another message"]["count"] == 1
    assert found["again"]["involvedObject"]["uid"] == subject["metadata"]["uid"]


def test_an_event_where_nothing_may_be_written_is_dropped(registry):
    registry.create("namespaces", None, {"metadata": {"name": "red"}})
    subject = registry.create("configmaps", "red", config_map("one"))
    registry.delete("namespaces", None, "red")
    registry.event(subject, "Normal", "Late", "too late", "kubelet")
    assert registry.list("events", "red") == []


def test_events_expire_after_an_hour(registry, clock):
    subject = registry.create("configmaps", "default", config_map("one"))
    registry.event(subject, "Normal", "Old", "old", "kubelet")
    clock.move(minutes=59)
    registry.event(subject, "Normal", "New", "new", "kubelet")
    registry.expire()
    assert len(registry.list("events")) == 2
    clock.move(minutes=2)
    registry.expire()
    assert [one["reason"] for one in registry.list("events")] == ["New"]


def test_a_conflict_names_the_object(registry):
    old = registry.create("configmaps", "default", config_map("one"))
    registry.mutate("configmaps", "default", "one", lambda obj: obj.update(data={"a": "1"}))
    error = refused(409, registry.update, "configmaps", "default", "one", old | {"data": {"a": "2"}})
    assert error.status()["details"] == {"name": "one", "kind": "configmaps"}


def test_an_elastic_indexed_job_may_grow(registry):
    spec = {"completionMode": "Indexed", "completions": 2, "parallelism": 2}
    registry.create("jobs.batch", "default", job("one", spec=spec))
    grown = registry.mutate(
        "jobs.batch", "default", "one", lambda obj: obj["spec"].update(completions=3, parallelism=3)
    )
    assert grown["spec"]["completions"] == 3
    refused(
        422, registry.mutate, "jobs.batch", "default", "one", lambda obj: obj["spec"].update(completions=4)
    )


def test_a_suspended_job_may_still_be_placed_elsewhere(registry):
    registry.create("jobs.batch", "default", job("one"))

    def place(obj):
        obj["spec"]["template"]["spec"]["nodeSelector"] = {"pool": "a"}

    assert registry.mutate("jobs.batch", "default", "one", place)["metadata"]["generation"] == 2
    registry.mutate("jobs.batch", "default", "one", lambda obj: obj["spec"].update(suspend=False))

    def move(obj):
        obj["spec"]["template"]["spec"]["nodeSelector"] = {"pool": "b"}

    refused(422, registry.mutate, "jobs.batch", "default", "one", move)


async def test_a_subscription_tells_what_exists_and_then_what_happens(registry):
    registry.create("configmaps", "default", config_map("old"))
    subscription = registry.subscribe("configmaps", "secrets")
    registry.create("secrets", "default", {"metadata": {"name": "new"}})
    registry.mutate("configmaps", "default", "old", lambda obj: obj.update(data={"a": "1"}))
    registry.delete("configmaps", "default", "old")
    events = [await anext(subscription) for _ in range(4)]
    assert [(one.type, one.resource, one.object["metadata"]["name"]) for one in events] == [
        ("ADDED", "configmaps", "old"),
        ("ADDED", "secrets", "new"),
        ("MODIFIED", "configmaps", "old"),
        ("DELETED", "configmaps", "old"),
    ]
    assert (events[2].old["data"], events[2].object["data"]) == ({}, {"a": "1"})
    subscription.close()
    assert [event async for event in subscription] == []


async def test_a_subscription_keeps_the_history_it_has_yet_to_read(registry):
    subscription = registry.subscribe("configmaps")
    for index in range(5):
        registry.create("configmaps", "default", config_map(f"n{index}"))
    registry.compact(keep_seconds=0, keep=0)
    events = [await anext(subscription) for _ in range(5)]
    assert [one.object["metadata"]["name"] for one in events] == [f"n{index}" for index in range(5)]
    subscription.close()
    registry.compact(keep_seconds=0, keep=0)
    assert registry.store.compacted == registry.store.version


async def test_closing_wakes_a_waiting_reader(registry):
    import asyncio

    subscription = registry.subscribe("configmaps")

    async def read():
        return [event async for event in subscription]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    subscription.close()
    assert await asyncio.wait_for(reader, 5) == []
