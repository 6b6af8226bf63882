"""What the doctor finds on a cluster that answers: rights, software, nodes, figures; and how it tells it."""

import json
from io import StringIO

import pytest
import yaml
from django.core.management import CommandError, call_command

from runyard.clusters.models import Cluster
from runyard.doctor import telling
from runyard.doctor.findings import Diagnosis, Grade, fine
from tests.doctor.conftest import REVIEWS, node

USAGE = "/apis/metrics.k8s.io/v1beta1/pods"


def of(diagnosis, about):
    return next(finding for finding in diagnosis.findings if finding.about == about)


def test_a_sound_cluster(api, diagnosis):
    found = diagnosis()
    assert found.ok
    assert found.missing == []
    assert of(found, "account").says == "We are system:serviceaccount:ops:yard."
    assert of(found, "nodes").says == "1 of 1 ready; 8 GPUs on 1 of them."
    assert telling.as_text(found).endswith("\nRunyard can work here.")


def test_a_needed_right_that_is_missing_is_a_problem_with_what_to_grant(api, diagnosis):
    api.refuses = lambda verb, resource, namespace: (verb, resource) in (("patch", "jobs"), ("watch", "pods"))
    found = diagnosis()
    assert not found.ok
    said = of(found, "rights for submitting, stopping, running and deleting")
    assert said.grade is Grade.PROBLEM
    assert "patch jobs.batch" in said.says
    role, binding = yaml.safe_load_all(telling.missing_rights(found, ()))
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["patch"]},
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "yard", "namespace": "ops"}]


def test_a_right_that_one_can_do_without_is_a_warning(api, diagnosis):
    api.refuses = lambda verb, resource, namespace: resource == "nodes/proxy"
    found = diagnosis()
    assert found.ok
    assert of(found, "rights for figures of use that the nodes have").grade is Grade.WARNING


def test_rights_are_asked_in_each_namespace_where_that_will_do(api, diagnosis):
    api.refuses = lambda verb, resource, namespace: (verb, resource, namespace) == ("delete", "jobs", "blue")
    found = diagnosis(namespaces=("red", "blue"))
    asked = set(api.asked)
    assert {("create", "jobs", "red"), ("create", "jobs", "blue"), ("list", "pods", "")} <= asked
    assert not {("create", "jobs", ""), ("list", "pods", "red")} & asked
    parts = list(yaml.safe_load_all(telling.missing_rights(found, ("red", "blue"))))
    kinds = [(part["kind"], part["metadata"].get("namespace")) for part in parts]
    assert kinds == [("ClusterRole", None), ("RoleBinding", "red"), ("RoleBinding", "blue")]


def test_who_only_looks_needs_no_right_to_write(api, diagnosis):
    api.refuses = lambda verb, resource, namespace: verb in ("create", "patch", "delete", "update")
    assert diagnosis(read_only=True).ok


def test_rights_on_what_the_cluster_does_not_have_are_not_asked(api, diagnosis):
    diagnosis()
    assert "podgroups" not in {resource for _, resource, _ in api.asked}
    api.serves(scheduling_run_ai=["v2alpha2"])
    diagnosis()
    assert ("list", "podgroups", "") in api.asked


def test_nobody_in_the_kubeconfig(api, diagnosis):
    api.username = "system:anonymous"
    assert of(diagnosis(), "account").grade is Grade.PROBLEM


def test_a_cluster_that_does_not_tell_who_we_are(api, diagnosis):
    api.paths["/apis/authentication.k8s.io/v1/selfsubjectreviews"] = 403
    api.refuses = lambda verb, resource, namespace: resource == "pods/log"
    found = diagnosis()
    assert [one for one in found.findings if one.about == "account"] == []
    *_, binding = yaml.safe_load_all(telling.missing_rights(found, ()))
    assert binding["subjects"][0]["name"] == "runyard"


def test_rights_that_cannot_be_asked_do_not_end_the_examination(api, diagnosis):
    api.paths[REVIEWS] = 403
    found = diagnosis()
    assert "could not be looked at" in of(found, "rights").says
    assert of(found, "nodes").grade is Grade.OK


def test_schedulers_and_operators_are_known_by_their_api_groups(api, diagnosis):
    api.serves(kueue_x__k8s_io=["v1beta1"], scheduling_volcano_sh=["v1beta1"], ray_io=["v1"], apps=["v1"])
    found = diagnosis()
    assert of(found, "schedulers").says == "Kueue, Volcano, Kubernetes' own."
    assert of(found, "operators").says == "KubeRay."


def test_a_version_of_a_scheduler_that_we_do_not_read(api, diagnosis):
    api.serves(kueue_x__k8s_io=["v2"])
    found = of(diagnosis(), "schedulers")
    assert (found.grade, found.says) == (Grade.WARNING, "Kueue serves v2; Runyard reads v1beta2, v1beta1.")


@pytest.mark.parametrize(
    ("nodes", "grade", "words"),
    [
        ([], Grade.PROBLEM, "0 of 0 ready"),
        ([node("n1", ready=False)], Grade.PROBLEM, "0 of 1 ready"),
        ([node("n1")], Grade.WARNING, "0 GPUs"),
        ([node("n1", 4), node("n2", 4), node("n3", 4, ready=False)], Grade.OK, "2 of 3 ready; 8 GPUs on 2"),
    ],
)
def test_nodes_and_their_gpus(api, diagnosis, nodes, grade, words):
    api.paths["/api/v1/nodes"] = {"metadata": {}, "items": nodes}
    found = of(diagnosis(), "nodes")
    assert found.grade is grade
    assert words in found.says


def service(name):
    return {"metadata": {"name": name, "namespace": "mon"}, "spec": {"ports": [{"port": 9090}]}}


def test_a_prometheus_with_our_figures_is_found(api, diagnosis):
    api.paths["/api/v1/services"] = {"items": [service("empty"), service("prom")]}
    path = "/api/v1/namespaces/mon/services/{}:9090/proxy/api/v1/query"
    answer = {"status": "success", "data": {"resultType": "vector", "result": []}}
    api.paths[path.format("empty")] = answer
    result = [{"metric": {}, "value": [1.0, "7"]}]
    api.paths[path.format("prom")] = answer | {"data": {"resultType": "vector", "result": result}}
    found = of(diagnosis(), "figures: Prometheus")
    assert found.grade is Grade.OK
    assert found.says.endswith("/services/prom:9090.")


def test_no_figures_at_all_are_a_warning_each(api, diagnosis):
    del api.paths["/api/v1/nodes/n1/proxy/metrics/cadvisor"]
    found = [one for one in diagnosis().findings if one.about == "figures"]
    assert [one.grade for one in found] == [Grade.WARNING] * 2
    assert "CPU and memory" in found[0].says
    assert "GPUs" in found[1].says


def test_metrics_server_and_exporters_are_figures(api, diagnosis):
    api.serves(metrics_k8s_io=["v1beta1"])
    api.paths[USAGE] = {"items": []}
    pod = {
        "metadata": {"name": "e", "namespace": "gpu"},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running"},
    }
    api.paths["/api/v1/pods"] = {"items": [pod]}
    found = diagnosis()
    assert of(found, "figures: metrics.k8s.io").grade is Grade.OK
    assert of(found, "figures: GPU exporters").says == "Exporters run on 1 node."
    assert [one for one in found.findings if one.about == "figures"] == []


# the command


def told(*words):
    """Its exit code and what it wrote."""
    output, code = StringIO(), 0
    try:
        call_command("doctor", *words, stdout=output)
    except SystemExit as end:
        code = end.code
    return code, output.getvalue()


def test_the_command_tells_programs_in_json(api, kubeconfig):
    code, text = told("--kubeconfig", kubeconfig(api.url), "--json")
    body = json.loads(text)
    assert (code, body["ok"], body["rbac"]) == (0, True, "")
    assert {"about", "grade", "says", "advice"} == set(body["findings"][0])
    api.refuses = lambda *_: True
    code, text = told("--kubeconfig", kubeconfig(api.url), "--json")
    assert (code, json.loads(text)["ok"]) == (1, False)
    assert "ClusterRole" in json.loads(text)["rbac"]


def test_the_command_looks_at_an_added_cluster_in_the_namespaces_of_its_projects(db, red, api, kubeconfig):
    Cluster.objects.create(name="far", kubeconfig=kubeconfig(api.url))
    code, text = told("--cluster", "far")
    assert (code, "Runyard can work here." in text) == (0, True)
    assert ("create", "jobs", red.namespace) in api.asked


def test_the_command_names_the_clusters_there_are(db):
    Cluster.objects.create(name="far", kubeconfig="x")
    with pytest.raises(CommandError, match="no cluster near; there are: far"):
        call_command("doctor", "--cluster", "near")


@pytest.mark.parametrize("text", ["Red", "a b", "-a", "a" * 64, "a,b/c"])
def test_names_that_no_namespace_has_are_refused(text):
    with pytest.raises(CommandError, match="no name of a namespace"):
        call_command("rbac", f"--namespaces={text}")


def test_a_terminal_obeys_no_words_of_a_cluster():
    text = telling.as_text(Diagnosis([fine("version", "Kubernetes v1.30\x1b]0;mine\x07\n.")]))
    assert text.splitlines()[0] == "ok       version: Kubernetes v1.30 ]0;mine  ."
