"""The official client's typed models work unchanged for every kind."""

import pytest
from kubernetes import client, watch

from tests.contracts.objects import CONTAINER, GATE, eventually


def meta(name, **more):
    return client.V1ObjectMeta(name=name, **more)


def test_a_pod_comes_back_as_the_model_that_was_sent(core, namespace):
    container = client.V1Container(
        name="main",
        image="registry.example/app:1",
        command=["python", "-c", "print(1)"],
        env=[client.V1EnvVar(name="SEED", value="7")],
        resources=client.V1ResourceRequirements(limits={"cpu": "500m", "memory": "64Mi"}),
    )
    gates = [client.V1PodSchedulingGate(name=GATE["name"])]
    spec = client.V1PodSpec(containers=[container], scheduling_gates=gates, restart_policy="Never")
    made = core.create_namespaced_pod(namespace, client.V1Pod(metadata=meta("typed"), spec=spec))
    assert made.status.phase == "Pending"
    read = core.read_namespaced_pod("typed", namespace)
    assert read.metadata.uid == made.metadata.uid
    assert read.spec.containers[0].env[0].value == "7"
    assert read.spec.containers[0].resources.requests == {"cpu": "500m", "memory": "64Mi"}
    assert read.metadata.creation_timestamp.tzinfo is not None
    assert [one.metadata.name for one in core.list_namespaced_pod(namespace).items] == ["typed"]
    core.delete_namespaced_pod("typed", namespace)


def test_a_job_goes_through_create_patch_replace_and_delete(batch, namespace):
    template = client.V1PodTemplateSpec(
        spec=client.V1PodSpec(containers=[client.V1Container(**CONTAINER)], restart_policy="Never")
    )
    spec = client.V1JobSpec(template=template, suspend=True)
    made = batch.create_namespaced_job(namespace, client.V1Job(metadata=meta("typed"), spec=spec))
    assert (made.spec.parallelism, made.spec.completions, made.spec.backoff_limit) == (1, 1, 6)
    patched = batch.patch_namespaced_job("typed", namespace, {"metadata": {"labels": {"team": "red"}}})
    assert patched.metadata.labels["team"] == "red"
    patched.spec.parallelism = 2
    assert batch.replace_namespaced_job("typed", namespace, patched).spec.parallelism == 2
    assert batch.delete_namespaced_job("typed", namespace, propagation_policy="Background") is not None
    eventually(lambda: not batch.list_namespaced_job(namespace).items)


@pytest.mark.parametrize(
    ("plural", "body"),
    [
        ("config_map", client.V1ConfigMap(metadata=meta("typed"), data={"a": "b"})),
        ("secret", client.V1Secret(metadata=meta("typed"), string_data={"a": "b"})),
        ("service_account", client.V1ServiceAccount(metadata=meta("typed"))),
        (
            "service",
            client.V1Service(
                metadata=meta("typed"),
                spec=client.V1ServiceSpec(selector={"app": "a"}, ports=[client.V1ServicePort(port=80)]),
            ),
        ),
    ],
)
def test_every_plain_kind_has_its_five_verbs(core, namespace, plural, body):
    made = getattr(core, f"create_namespaced_{plural}")(namespace, body)
    assert getattr(core, f"read_namespaced_{plural}")("typed", namespace).metadata.uid == made.metadata.uid
    patch = {"metadata": {"labels": {"x": "y"}}}
    assert getattr(core, f"patch_namespaced_{plural}")("typed", namespace, patch).metadata.labels == {
        "x": "y"
    }
    listed = getattr(core, f"list_namespaced_{plural}")(namespace, label_selector="x=y")
    assert [one.metadata.name for one in listed.items] == ["typed"]
    getattr(core, f"delete_namespaced_{plural}")("typed", namespace)
    assert getattr(core, f"list_namespaced_{plural}")(namespace, label_selector="x=y").items == []


def test_a_secret_s_string_data_comes_back_encoded(core, namespace):
    core.create_namespaced_secret(namespace, client.V1Secret(metadata=meta("s"), string_data={"a": "b"}))
    read = core.read_namespaced_secret("s", namespace)
    assert read.data == {"a": "Yg=="}
    assert read.string_data is None
    assert read.type == "Opaque"


def test_an_event_can_be_written_and_found_by_its_object(core, namespace):
    regarding = client.V1ObjectReference(kind="Pod", name="typed", namespace=namespace, uid="u-1")
    event = client.CoreV1Event(
        metadata=meta("typed.1"), involved_object=regarding, reason="Tested", type="Normal", message="hello"
    )
    core.create_namespaced_event(namespace, event)
    found = core.list_namespaced_event(namespace, field_selector="involvedObject.name=typed,reason=Tested")
    assert [one.message for one in found.items] == ["hello"]


def test_nodes_and_namespaces_are_listed_with_their_status(core, namespace):
    node = eventually(lambda: core.list_node().items)[0]
    assert {"cpu", "memory", "pods"} <= set(node.status.capacity)
    assert core.read_namespace(namespace).status.phase == "Active"


def test_the_client_s_watch_sees_what_happens(core, namespace):
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta("seen")))
    core.delete_namespaced_config_map("seen", namespace)
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=20
    )
    seen = [
        (event["type"], event["object"].metadata.name) for _, event in zip(range(2), stream, strict=False)
    ]
    assert seen == [("ADDED", "seen"), ("DELETED", "seen")]


def test_server_version_and_discovery_answer(api_client):
    assert int(client.VersionApi(api_client).get_code().major) == 1
    groups = {group.name for group in client.ApisApi(api_client).get_api_versions().groups}
    assert "batch" in groups
    kinds = {one.name: one for one in client.CoreV1Api(api_client).get_api_resources().resources}
    assert kinds["pods"].kind == "Pod"
    assert kinds["pods"].namespaced
    assert set(kinds["pods"].verbs) >= {"create", "delete", "get", "list", "patch", "update", "watch"}
    assert {"pods/log", "pods/status"} <= set(kinds)
    assert not kinds["nodes"].namespaced


def test_the_user_may_do_everything(api_client):
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(
                verb="create", resource="pods", namespace="default"
            )
        )
    )
    assert client.AuthorizationV1Api(api_client).create_self_subject_access_review(review).status.allowed
