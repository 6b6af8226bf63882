"""Leases, priority classes and reviews: small kinds that tools and operators take for granted."""

import secrets

import pytest

from tests.contracts.objects import causes, pod

LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def lease(**spec):
    held = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2030-01-01T00:00:00.000000Z"}
    return {"metadata": {"name": "leader"}, "spec": held | spec}


@pytest.fixture
def leases(namespace):
    return LEASES.format(namespace)


def test_a_lease_is_kept_and_taken_by_who_has_read_it_last(raw, leases):
    made = raw.post(leases, json=lease()).json()
    assert made["spec"]["holderIdentity"] == "me"
    mine = made | {"spec": made["spec"] | {"holderIdentity": "other", "leaseTransitions": 1}}
    assert raw.put(f"{leases}/leader", json=mine).json()["spec"]["leaseTransitions"] == 1
    assert raw.put(f"{leases}/leader", json=mine).status_code == 409


@pytest.mark.parametrize("wrong", [{"leaseDurationSeconds": 0}, {"leaseTransitions": -1}])
def test_a_lease_with_wrong_numbers_is_refused(raw, leases, wrong):
    answer = raw.post(leases, json=lease(**wrong))
    assert answer.status_code == 422
    assert list(causes(answer)) == [f"spec.{field}" for field in wrong]


@pytest.fixture
def classes(raw):
    """`classes(**fields)`: the answer to the creation of a priority class of its own, gone afterwards."""
    made = []

    def create(**fields):
        made.append(f"contract-{secrets.token_hex(4)}")
        return raw.post(CLASSES, json={"metadata": {"name": made[-1]}} | fields)

    yield create
    for name in made:
        raw.delete(f"{CLASSES}/{name}")


def test_a_priority_class_has_defaults_and_its_value_stays(raw, classes):
    made = classes(value=1000, description="soon").json()
    assert (made["preemptionPolicy"], made["metadata"]["generation"]) == ("PreemptLowerPriority", 1)
    answer = raw.put(f"{CLASSES}/{made['metadata']['name']}", json=made | {"value": 5})
    assert answer.status_code == 422
    assert list(causes(answer)) == ["value"]


def test_a_priority_class_has_limits(classes, raw):
    assert classes(value=1_000_000_001).status_code in (403, 422)
    assert list(causes(classes(value=1, preemptionPolicy="Sometimes"))) == ["preemptionPolicy"]
    mine = {"metadata": {"name": "system-mine"}, "value": 1}
    assert raw.post(CLASSES, json=mine).status_code == 422


def test_there_are_the_two_classes_of_the_system(raw):
    values = {one["metadata"]["name"]: one["value"] for one in raw.get(CLASSES).json()["items"]}
    assert values["system-cluster-critical"] == 2_000_000_000
    assert values["system-node-critical"] == 2_000_001_000


def test_a_pod_gets_the_priority_of_the_class_that_it_names(raw, pods, classes):
    name = classes(value=77, preemptionPolicy="Never").json()["metadata"]["name"]
    made = raw.post(pods, json=pod("one", spec={"priorityClassName": name})).json()
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (77, "Never")
    plain = raw.post(pods, json=pod("two")).json()
    assert (plain["spec"]["priority"], plain["spec"]["preemptionPolicy"]) == (0, "PreemptLowerPriority")


def test_a_pod_of_a_class_that_is_not_there_or_says_otherwise_is_forbidden(raw, pods, classes):
    answer = raw.post(pods, json=pod("one", spec={"priorityClassName": "nowhere"}))
    assert (answer.status_code, answer.json()["reason"]) == (403, "Forbidden")
    assert "no PriorityClass with name nowhere was found" in answer.json()["message"]
    assert raw.post(pods, json=pod("one", spec={"priority": 5})).status_code == 403


def review(**attributes):
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": attributes}


def test_one_may_ask_what_one_may(raw):
    asked = review(resourceAttributes={"verb": "list", "resource": "pods"})
    answer = raw.post(ACCESS, json=asked)
    assert (answer.status_code, answer.json()["status"]["allowed"]) == (201, True)
    asked = review(nonResourceAttributes={"verb": "get", "path": "/version"})
    assert raw.post(ACCESS, json=asked).json()["status"]["allowed"] is True


def test_a_question_about_nothing_or_two_things_is_refused(raw):
    answer = raw.post(ACCESS, json=review())
    assert answer.status_code == 422
    assert list(causes(answer)) == ["spec.resourceAttributes"]
    both = review(resourceAttributes={"verb": "get"}, nonResourceAttributes={"path": "/"})
    assert list(causes(raw.post(ACCESS, json=both))) == ["spec.nonResourceAttributes"]


@pytest.mark.parametrize(
    ("path", "kind"), [(ACCESS, "SelfSubjectAccessReview"), (RULES, "SelfSubjectRulesReview")]
)
def test_what_is_no_question_is_refused(raw, path, kind):
    assert raw.post(path, json=review() | {"kind": kind, "spec": 5}).status_code == 400


def test_all_that_one_may(raw):
    asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    rules = raw.post(RULES, json=asked | {"spec": {"namespace": "default"}}).json()["status"]
    assert any(rule["verbs"] == ["*"] and rule["resources"] == ["*"] for rule in rules["resourceRules"])
    assert raw.post(RULES, json=asked).status_code == 400
