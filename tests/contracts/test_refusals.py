"""What is refused, with which code, reason and words; `details.causes` name the field."""

import pytest

from tests.contracts.objects import CONTAINER, causes, config_map, job, pod, unversioned

MERGE = {"content-type": "application/merge-patch+json"}


def status(answer, code, reason):
    body = answer.json()
    assert (answer.status_code, body["code"], body["reason"]) == (code, code, reason), body
    assert (body["kind"], body["status"]) == ("Status", "Failure")
    return body


def test_an_absent_object_is_not_found(raw, pods, jobs):
    body = status(raw.get(f"{pods}/nobody"), 404, "NotFound")
    assert body["message"] == 'pods "nobody" not found'
    assert body["details"] == {"name": "nobody", "kind": "pods"}
    body = status(raw.get(f"{jobs}/nobody"), 404, "NotFound")
    assert body["message"] == 'jobs.batch "nobody" not found'
    assert body["details"]["group"] == "batch"
    for verb in ("put", "patch", "delete"):
        arguments = {} if verb == "delete" else {"json": pod("nobody")}
        headers = MERGE if verb == "patch" else None
        status(getattr(raw, verb)(f"{pods}/nobody", headers=headers, **arguments), 404, "NotFound")


def test_an_unknown_resource_or_path_is_not_found(raw):
    assert raw.get("/api/v1/nonsense").status_code == 404
    assert raw.get("/apis/nonsense.example/v1/things").status_code == 404


def test_a_taken_name_already_exists(raw, configmaps):
    raw.post(configmaps, json=config_map("one"))
    body = status(raw.post(configmaps, json=config_map("one")), 409, "AlreadyExists")
    assert body["message"] == 'configmaps "one" already exists'


def test_a_namespace_that_is_not_there(raw):
    body = status(raw.post("/api/v1/namespaces/nowhere/configmaps", json=config_map("one")), 404, "NotFound")
    assert body["message"] == 'namespaces "nowhere" not found'


def test_no_token_and_a_wrong_token_are_unauthorized(raw):
    url = "/api/v1/namespaces/kube-system/pods"
    status(raw.get(url, headers={"authorization": "Bearer wrong"}), 401, "Unauthorized")
    for token in ("", "Basic YTpi"):
        assert raw.get(url, headers={"authorization": token}).status_code in (
            401,
            403,
        )  # 403: known as anonymous


def test_a_method_that_is_not_there(raw, pods):
    assert raw.post(f"{pods}/one", json={}).status_code == 405
    assert raw.put(pods, json={}).status_code == 405


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"", b"\xff\xfe", b'{"metadata": 7}'])
def test_a_body_that_is_no_object_is_a_bad_request(raw, configmaps, body):
    answer = raw.post(configmaps, content=body, headers={"content-type": "application/json"})
    status(answer, 400, "BadRequest")


def test_a_very_deep_body_does_no_harm(raw, configmaps):
    answer = raw.post(configmaps, content=b"[" * 100_000, headers={"content-type": "application/json"})
    status(answer, 400, "BadRequest")


def test_a_body_of_another_kind_is_a_bad_request(raw, pods):
    status(raw.post(pods, json=job("one")), 400, "BadRequest")
    status(raw.post(pods, json=pod("one") | {"apiVersion": "v2"}), 400, "BadRequest")


def test_a_body_beyond_three_mebibytes_is_too_large(raw, configmaps):
    body = config_map("one", {"a": "x" * (3 * 1024 * 1024 + 1)})
    status(raw.post(configmaps, json=body), 413, "RequestEntityTooLarge")


def test_an_unknown_media_type_is_refused(raw, configmaps):
    answer = raw.post(configmaps, content=b"x", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_a_name_in_the_body_that_is_not_the_url_s(raw, configmaps):
    raw.post(configmaps, json=config_map("one"))
    status(raw.put(f"{configmaps}/one", json=config_map("two")), 400, "BadRequest")


def test_a_namespace_in_the_body_that_is_not_the_url_s(raw, configmaps):
    status(raw.post(configmaps, json=config_map("one", namespace="elsewhere")), 400, "BadRequest")


@pytest.mark.parametrize("name", ["Upper", "a_b", "-a", "a-", "a" * 254, "a b", "ü", ""])
def test_a_name_that_is_no_dns_name_is_invalid(raw, configmaps, name):
    body = status(raw.post(configmaps, json=config_map(name)), 422, "Invalid")
    assert body["details"]["causes"][0]["field"] == "metadata.name"


def test_an_invalid_object_names_every_bad_field(raw, pods):
    bad = pod("one", container={"name": "A_B", "image": "", "env": [{"name": ""}]}, labels={"bad key": "x"})
    answer = raw.post(pods, json=bad)
    body = status(answer, 422, "Invalid")
    assert body["message"].startswith('Pod "one" is invalid: [')
    assert body["details"]["kind"] == "Pod"
    found = causes(answer)
    assert found["spec.containers[0].name"][0] == "FieldValueInvalid"
    assert found["spec.containers[0].image"] == ("FieldValueRequired", "Required value")
    assert found["spec.containers[0].env[0].name"] == ("FieldValueRequired", "Required value")
    assert found["metadata.labels"][0] == "FieldValueInvalid"


@pytest.mark.parametrize(
    ("container", "field", "reason"),
    [
        ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy", "FieldValueNotSupported"),
        ({"env": [{"name": "A=B", "value": "1"}]}, "env[0].name", "FieldValueInvalid"),
        ({"ports": [{"containerPort": 70000}]}, "ports[0].containerPort", "FieldValueInvalid"),
        (
            {"ports": [{"containerPort": 80, "protocol": "FTP"}]},
            "ports[0].protocol",
            "FieldValueNotSupported",
        ),
        ({"resources": {"limits": {"cpu": "-1"}}}, "resources.limits[cpu]", "FieldValueInvalid"),
        (
            {"resources": {"limits": {"nvidia.com/gpu": "1.5"}}},
            "resources.limits[nvidia.com/gpu]",
            "FieldValueInvalid",
        ),
        (
            {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
            "resources.requests",
            "FieldValueInvalid",
        ),
        ({"resources": {"limits": {"gpus": "1"}}}, "resources.limits[gpus]", "FieldValueInvalid"),
        ({"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, "volumeMounts[0].name", "FieldValueNotFound"),
        ({"livenessProbe": {"periodSeconds": 1}}, "livenessProbe", "FieldValueRequired"),
    ],
)
def test_a_container_s_fields_are_checked(raw, pods, container, field, reason):
    answer = raw.post(pods, json=pod("one", container=container))
    status(answer, 422, "Invalid")
    assert causes(answer)[f"spec.containers[0].{field}"][0] == reason


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"containers": []}, "spec.containers", "FieldValueRequired"),
        ({"containers": [CONTAINER, CONTAINER]}, "spec.containers[1].name", "FieldValueDuplicate"),
        ({"restartPolicy": "Perhaps"}, "spec.restartPolicy", "FieldValueNotSupported"),
        ({"activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds", "FieldValueInvalid"),
        (
            {"volumes": [{"name": "v", "secret": {}}]},
            "spec.volumes[0].secret.secretName",
            "FieldValueRequired",
        ),
    ],
)
def test_a_pod_s_fields_are_checked(raw, pods, spec, field, reason):
    answer = raw.post(pods, json=pod("one", spec=spec))
    status(answer, 422, "Invalid")
    assert causes(answer)[field][0] == reason


def test_a_grace_period_below_zero_is_one_second(raw, pods):
    made = raw.post(pods, json=pod("one", spec={"terminationGracePeriodSeconds": -5}))
    assert made.status_code == 201
    assert made.json()["spec"]["terminationGracePeriodSeconds"] == 1


def test_a_quantity_that_is_none_is_a_bad_request(raw, pods):
    bad = pod("one", container={"resources": {"limits": {"memory": "12 potatoes"}}})
    body = status(raw.post(pods, json=bad), 400, "BadRequest")
    assert "quantities must match the regular expression" in body["message"]


def test_a_value_of_the_wrong_type_is_a_bad_request(raw, pods):
    body = status(raw.post(pods, json=pod("one", spec={"containers": "main"})), 400, "BadRequest")
    assert "cannot be handled as a Pod" in body["message"]


@pytest.mark.parametrize(
    ("spec", "template", "field"),
    [
        ({"parallelism": -1}, {}, "spec.parallelism"),
        ({"backoffLimit": -1}, {}, "spec.backoffLimit"),
        ({"completionMode": "Sorted"}, {}, "spec.completionMode"),
        ({"completionMode": "Indexed", "parallelism": 1}, {}, "spec.completions"),
        ({}, {"restartPolicy": "Always"}, "spec.template.spec.restartPolicy"),
        ({}, {"containers": []}, "spec.template.spec.containers"),
    ],
)
def test_a_job_s_fields_are_checked(raw, jobs, spec, template, field):
    answer = raw.post(jobs, json=job("one", spec=spec, template=template))
    body = status(answer, 422, "Invalid")
    assert body["message"].startswith('Job.batch "one" is invalid: ')
    assert field in causes(answer)


def test_a_pod_s_spec_is_mostly_fixed(raw, pods):
    made = raw.post(pods, json=pod("one")).json()
    made["spec"]["containers"][0]["command"] = ["false"]
    answer = raw.put(f"{pods}/one", json=unversioned(made))
    status(answer, 422, "Invalid")
    assert causes(answer)["spec"][0] == "FieldValueForbidden"
    assert "pod updates may not change fields other than" in answer.json()["message"]
    images = {"spec": {"containers": [{"name": "main", "image": "app:2"}]}}
    strategic = {"content-type": "application/strategic-merge-patch+json"}
    changed = raw.patch(f"{pods}/one", json=images, headers=strategic)
    assert changed.json()["spec"]["containers"][0]["image"] == "app:2"


def test_a_job_s_template_is_fixed(raw, jobs):
    raw.post(jobs, json=job("one"))
    changes = [
        {"spec": {"template": {"spec": {"containers": [CONTAINER | {"image": "other"}]}}}},
        {"spec": {"completions": 5}},
        {"spec": {"completionMode": "Indexed"}},
        {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
    ]
    for change in changes:
        answer = raw.patch(f"{jobs}/one", json=change, headers=MERGE)
        status(answer, 422, "Invalid")
        assert "field is immutable" in answer.json()["message"]


def test_annotations_may_hold_a_quarter_of_a_mebibyte(raw, configmaps):
    fits = config_map("fits", annotations={"note": "x" * (256 * 1024 - 4)})
    assert raw.post(configmaps, json=fits).status_code == 201
    answer = raw.post(configmaps, json=config_map("over", annotations={"note": "x" * (256 * 1024)}))
    status(answer, 422, "Invalid")
    assert causes(answer)["metadata.annotations"][0] == "FieldValueTooLong"


@pytest.mark.parametrize("value", ["x" * 64, "a b", "-a", "a!"])
def test_a_label_value_is_checked(raw, configmaps, value):
    status(raw.post(configmaps, json=config_map("one", labels={"a": value})), 422, "Invalid")


def test_options_are_checked(raw, configmaps):
    raw.post(configmaps, json=config_map("one"))
    assert raw.post(configmaps, params={"dryRun": "Some"}, json=config_map("two")).status_code == 422
    assert raw.delete(f"{configmaps}/one", params={"propagationPolicy": "Sideways"}).status_code == 422
    assert raw.get(configmaps, params={"labelSelector": "a in b"}).status_code == 400
    assert raw.get(configmaps, params={"fieldSelector": "spec.colour=red"}).status_code == 400
    assert raw.get(configmaps, params={"limit": "many"}).status_code == 400
    assert raw.get(configmaps, params={"continue": "rubbish"}).status_code == 400
    assert raw.get(configmaps, params={"resourceVersion": "rubbish"}).status_code == 400


def test_a_log_before_its_container_starts(raw, pods):
    raw.post(pods, json=pod("one"))
    assert raw.get(f"{pods}/nobody/log").status_code == 404
    assert raw.get(f"{pods}/one/log", params={"container": "other"}).status_code == 400
    assert raw.get(f"{pods}/one/log", params={"tailLines": "-1"}).status_code == 422
    both = {"sinceSeconds": "5", "sinceTime": "2026-01-01T00:00:00Z"}
    assert raw.get(f"{pods}/one/log", params=both).status_code == 422
    two = pod("two", spec={"containers": [CONTAINER, CONTAINER | {"name": "side"}]})
    raw.post(pods, json=two)
    body = status(raw.get(f"{pods}/two/log"), 400, "BadRequest")
    assert "a container name must be specified for pod two, choose one of: [main side]" in body["message"]
