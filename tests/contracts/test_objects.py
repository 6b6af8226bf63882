"""Create, read and update: what the server sets, what it defaults, what it lets change."""

import pytest

from tests.contracts.objects import config_map, eventually, job, pod, unversioned


def test_create_sets_identity_time_and_version(raw, configmaps):
    made = raw.post(configmaps, json=config_map("one", {"a": "b"}))
    assert made.status_code == 201
    metadata = made.json()["metadata"]
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert made.json()["kind"] == "ConfigMap"
    assert raw.get(f"{configmaps}/one").json() == made.json()


def test_client_sent_identity_is_ignored(raw, configmaps):
    mine = {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 9}
    made = raw.post(configmaps, json=config_map("one", **mine)).json()["metadata"]
    assert made["uid"] != "mine"
    assert not made["creationTimestamp"].startswith("2001")


def test_generate_name_gives_each_object_its_own(raw, configmaps):
    made = [raw.post(configmaps, json={"metadata": {"generateName": "run-"}}).json() for _ in range(3)]
    found = {one["metadata"]["name"] for one in made}
    assert len(found) == 3
    assert all(name.startswith("run-") and len(name) == 9 for name in found)


def test_pods_are_defaulted(raw, pods):
    made = raw.post(pods, json=pod("one", container={"resources": {"limits": {"cpu": "1"}}})).json()
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert spec["terminationGracePeriodSeconds"] == 30
    assert (spec["dnsPolicy"], spec["schedulerName"]) == ("ClusterFirst", "default-scheduler")
    assert spec["serviceAccountName"] == "default"
    assert spec["priority"] == 0
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["resources"]["requests"] == {"cpu": "1"}
    assert made["status"]["phase"] == "Pending"
    assert made["status"]["qosClass"] == "Burstable"


@pytest.mark.parametrize(
    ("image", "policy"), [("app", "Always"), ("app:latest", "Always"), ("h:5000/app:2", "IfNotPresent")]
)
def test_the_pull_policy_follows_the_tag(raw, pods, image, policy):
    made = raw.post(pods, json=pod("one", container={"image": image})).json()
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_jobs_are_defaulted_and_select_their_own_pods(raw, jobs):
    made = raw.post(jobs, json=job("one")).json()
    spec, uid = made["spec"], made["metadata"]["uid"]
    assert (spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (1, 1, 6)
    assert spec["completionMode"] == "NonIndexed"
    assert spec["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": uid}
    labels = spec["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/controller-uid"] == uid
    assert labels["batch.kubernetes.io/job-name"] == "one"
    assert made["metadata"]["generation"] == 1


def test_a_job_with_parallelism_alone_is_a_work_queue(raw, jobs):
    made = raw.post(jobs, json=job("one", spec={"parallelism": 3})).json()
    assert "completions" not in made["spec"]


def test_a_stale_update_conflicts(raw, configmaps):
    made = raw.post(configmaps, json=config_map("one", {"a": "1"})).json()
    assert raw.put(f"{configmaps}/one", json=made | {"data": {"a": "2"}}).status_code == 200
    refused = raw.put(f"{configmaps}/one", json=made | {"data": {"a": "3"}})
    assert refused.status_code == 409
    assert refused.json()["reason"] == "Conflict"
    assert "the object has been modified" in refused.json()["message"]
    assert raw.get(f"{configmaps}/one").json()["data"] == {"a": "2"}


def test_an_update_without_a_version_overwrites(raw, configmaps):
    raw.post(configmaps, json=config_map("one", {"a": "1"}))
    assert raw.put(f"{configmaps}/one", json=config_map("one", {"b": "2"})).json()["data"] == {"b": "2"}


def test_an_update_that_changes_nothing_keeps_the_version(raw, configmaps):
    made = raw.post(configmaps, json=config_map("one", {"a": "1"})).json()
    again = raw.put(f"{configmaps}/one", json=made).json()
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_an_update_with_another_uid_conflicts(raw, configmaps):
    raw.post(configmaps, json=config_map("one"))
    other = config_map("one", uid="11111111-2222-3333-4444-555555555555")
    assert raw.put(f"{configmaps}/one", json=other).status_code == 409


def test_status_moves_only_through_its_subresource(raw, pods):
    made = raw.post(pods, json=pod("one") | {"status": {"phase": "Running"}}).json()
    assert made["status"]["phase"] == "Pending"
    made["status"]["message"] = "by the front door"
    made["metadata"]["labels"] = {"a": "b"}
    plain = raw.put(f"{pods}/one", json=unversioned(made)).json()
    assert "message" not in plain["status"]
    plain["status"]["message"] = "by the side door"
    plain["spec"]["containers"][0]["image"] = "other:2"
    through = raw.put(f"{pods}/one/status", json=unversioned(plain)).json()
    assert through["status"]["message"] == "by the side door"
    assert through["spec"]["containers"][0]["image"] == "registry.example/app:1"
    assert raw.get(f"{pods}/one/status").json()["status"]["message"] == "by the side door"


def test_generation_counts_changes_of_the_spec_alone(raw, jobs):
    raw.post(jobs, json=job("one"))
    merge = {"content-type": "application/merge-patch+json"}
    labelled = raw.patch(f"{jobs}/one", json={"metadata": {"labels": {"a": "b"}}}, headers=merge).json()
    assert labelled["metadata"]["generation"] == 1
    widened = raw.patch(f"{jobs}/one", json={"spec": {"parallelism": 2}}, headers=merge).json()
    assert widened["metadata"]["generation"] == 2


def test_dry_run_checks_but_keeps_nothing(raw, configmaps, pods):
    made = raw.post(configmaps, params={"dryRun": "All"}, json=config_map("one"))
    assert made.status_code == 201
    assert made.json()["metadata"]["uid"]
    assert raw.get(f"{configmaps}/one").status_code == 404
    assert raw.post(pods, params={"dryRun": "All"}, json=pod("UPPER")).status_code == 422
    raw.post(configmaps, json=config_map("one", {"a": "1"}))
    raw.put(f"{configmaps}/one", params={"dryRun": "All"}, json=config_map("one", {"a": "2"}))
    raw.delete(f"{configmaps}/one", params={"dryRun": "All"})
    assert raw.get(f"{configmaps}/one").json()["data"] == {"a": "1"}


def test_managed_fields_say_who_wrote_what(raw, configmaps):
    raw.post(configmaps, params={"fieldManager": "maker"}, json=config_map("one", {"a": "1"}))
    merge = {"content-type": "application/merge-patch+json"}
    patched = raw.patch(
        f"{configmaps}/one", params={"fieldManager": "mender"}, json={"data": {"b": "2"}}, headers=merge
    ).json()
    owned = {one["manager"]: one for one in patched["metadata"]["managedFields"]}
    assert "f:a" in owned["maker"]["fieldsV1"]["f:data"]
    assert "f:b" in owned["mender"]["fieldsV1"]["f:data"]
    assert "f:b" not in owned["maker"]["fieldsV1"]["f:data"]
    assert owned["mender"]["operation"] == "Update"
    assert owned["mender"]["apiVersion"] == "v1"


def test_every_namespace_has_a_default_service_account(raw, namespace):
    url = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    assert eventually(lambda: raw.get(url).status_code == 200)


def test_an_object_can_be_sent_as_yaml(raw, configmaps):
    text = "metadata:\n  name: one\ndata:\n  when: '2026-01-01'\n"
    made = raw.post(configmaps, content=text, headers={"content-type": "application/yaml"})
    assert made.status_code == 201, made.text
    assert made.json()["data"] == {"when": "2026-01-01"}


@pytest.mark.parametrize("given", [None, {"mine": "yes"}])
def test_a_job_without_labels_has_those_of_its_template(raw, jobs, given):
    made = job("one", **({"labels": given} if given else {}))
    made["spec"]["template"]["metadata"] = {"labels": {"team": "red"}}
    found = raw.post(jobs, json=made).json()
    assert found["spec"]["template"]["metadata"]["labels"].items() >= {"team": "red"}.items()
    assert found["metadata"]["labels"] == (given or found["spec"]["template"]["metadata"]["labels"])
