"""What people see of a manifest: no secret, the same order, and what differs."""

import json

import pytest

from runyard.clusters.connection import ApiError, Unreachable
from workloads import manifests
from workloads.manifests import HIDDEN, difference, redacted

CANARY = "Zq7canaryZq7"


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "WANDB_API_KEY", "apiKey", "client-secret", "AUTH"],
)
def test_a_variable_of_a_secret_name_keeps_its_name_only(name):
    assert redacted({"env": [{"name": name, "value": CANARY}]}) == {"env": [{"name": name, "value": HIDDEN}]}
    assert redacted({name: CANARY}) == {name: HIDDEN}


@pytest.mark.parametrize(
    "name",
    [
        "EPOCHS",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "AUTHOR",
        "BYPASS",
        "MAX_TOKENS",
        "secretName",
        "TOKEN_FILE",
    ],
)
def test_a_variable_of_another_name_is_shown(name):
    assert redacted([{"name": name, "value": "3"}]) == [{"name": name, "value": "3"}]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgres://ada:{CANARY}@db/x", f"postgres://ada:{HIDDEN}@db/x"),
        (f"train --hub-token={CANARY} --epochs 3", f"train --hub-token={HIDDEN} --epochs 3"),
        (f"train --password {CANARY}", f"train --password {HIDDEN}"),
        (f"export HF_TOKEN={CANARY}; run", f"export HF_TOKEN={HIDDEN}; run"),
        (f"curl -H 'Authorization: Bearer {CANARY}'", f"curl -H 'Authorization: Bearer {HIDDEN}'"),
        (f"hf_{CANARY}", HIDDEN),
        ("AKIAABCDEFGHIJKLMNOP", HIDDEN),
        ("a -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- b", f"a {HIDDEN} b"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.sig_nature", HIDDEN),
    ],
)
def test_secrets_inside_texts_go_and_the_rest_stays(text, shown):
    assert redacted({"command": ["sh", "-c", text]}) == {"command": ["sh", "-c", shown]}


def test_the_word_after_an_option_is_its_value():
    words = ["train", "--token", CANARY, "--epochs", "3"]
    assert redacted({"args": words}) == {"args": ["train", "--token", HIDDEN, "--epochs", "3"]}


def test_what_kubectl_kept_of_an_older_manifest_is_not_shown():
    found = {"metadata": {"annotations": {manifests.LAST_APPLIED: json.dumps({"x": CANARY}), "team": "red"}}}
    assert redacted(found)["metadata"]["annotations"] == {manifests.LAST_APPLIED: HIDDEN, "team": "red"}


def test_the_original_is_left_alone():
    found = {"env": [{"name": "HF_TOKEN", "value": CANARY}]}
    redacted(found)
    assert found["env"][0]["value"] == CANARY


def test_a_difference_folds_what_is_alike():
    submitted = "\n".join(f"line {n}" for n in range(40))
    lines = difference(submitted, submitted.replace("line 20", "line twenty"))
    assert [(line.sign, line.text) for line in lines] == [
        ("@", "17"),
        (" ", "line 17"),
        (" ", "line 18"),
        (" ", "line 19"),
        ("-", "line 20"),
        ("+", "line twenty"),
        (" ", "line 21"),
        (" ", "line 22"),
        (" ", "line 23"),
        ("@", "16"),
    ]
    assert difference(submitted, submitted) == []


# --- the page ---


@pytest.fixture
def live(monkeypatch, ada_training):
    """What the cluster has; tests change it or put an error in its place."""
    ada_training.uid = "uid-1"
    ada_training.manifest = {
        "kind": "Job",
        "metadata": {"name": "redwood-sft"},
        "spec": {"backoffLimit": 0, "env": [{"name": "HF_TOKEN", "value": CANARY}]},
    }
    ada_training.save()
    found = {
        "kind": "Job",
        "metadata": {"name": "redwood-sft", "uid": "uid-1", "managedFields": [{"manager": "runyard-sync"}]},
        "spec": {"backoffLimit": 0, "completions": 1, "env": [{"name": "HF_TOKEN", "value": CANARY}]},
        "status": {"active": 1},
    }
    said = {"answer": found}

    class Cluster:
        def read(self, method, path, **options):
            assert path == "/apis/batch/v1/namespaces/red/jobs/redwood-sft"
            if isinstance(said["answer"], Exception):
                raise said["answer"]
            return json.dumps(said["answer"]).encode()

    monkeypatch.setattr("workloads.shown_manifests.connect", lambda cluster: Cluster())
    return said


@pytest.fixture
def page(browse, ada, ada_training):
    def get(query="", user=ada):
        return browse(user).get(f"/workloads/{ada_training.pk}/yaml{query}")

    return get


def test_the_live_manifest_is_shown_without_secrets_and_managed_fields(live, page):
    text = page().content.decode()
    assert "<b>  backoffLimit</b>: 0" in text
    assert "<b>status</b>:" in text
    assert "runyard-sync" not in text
    assert "runyard-sync" in page("?managed=1").content.decode()


@pytest.mark.parametrize("query", ["", "?managed=1", "?of=submitted", "?of=difference", "?download=1"])
def test_no_view_holds_the_secret(live, page, query):
    assert CANARY not in page(query).content.decode()


def test_the_difference_names_what_the_cluster_added(live, page):
    text = page("?of=difference").content.decode()
    assert "<ins>+   completions: 1</ins>" in text
    assert "uid-1" not in text


def test_a_download_is_the_text_itself(live, page):
    response = page("?of=submitted&download=1")
    assert response["Content-Disposition"] == 'attachment; filename="redwood-sft-submitted.yaml"'
    assert response.content.decode().startswith("kind: Job\nmetadata:\n  name: redwood-sft\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ApiError(404, "NotFound", "x"), "The cluster has it no more."),
        (Unreachable("The cluster does not answer: refused"), "The cluster does not answer: refused"),
        ({"metadata": {"uid": "another"}}, "The cluster has it no more."),
        ([1], "The cluster&#39;s answer cannot be read."),
    ],
)
def test_why_there_is_no_live_manifest_stands_in_words(live, page, answer, words):
    live["answer"] = answer
    response = page()
    assert response.status_code == 200
    assert words in response.content.decode()


@pytest.mark.parametrize(
    ("phase", "words"), [("Creating", "does not have it yet."), ("Failed", "The cluster never had it.")]
)
def test_what_the_cluster_refused_is_not_promised(live, page, ada_training, phase, words):
    live["answer"] = ApiError(404, "NotFound", "x")
    type(ada_training).objects.update(uid=None, phase=phase)
    assert words in page().content.decode()


def test_a_workload_of_others_has_no_submitted_manifest(live, page, ada_training):
    type(ada_training).objects.update(manifest={})
    for of in ("submitted", "difference"):
        assert "not submitted through Runyard" in page(f"?of={of}").content.decode()


def test_an_unknown_view_is_said(live, page):
    response = page("?of=%3Cscript%3E")
    assert response.status_code == 400
    assert "There is no view “&lt;script&gt;”" in response.content.decode()


def test_eve_sees_no_yaml(live, page, eve):
    assert page(user=eve).status_code == 404
