"""Jobs of several pods, as distributed trainings are: who is who, how many at a time, and what ends them.

A gate holds every pod back, and the test ends it as a node would: so the order of things is the test's.
"""

import pytest

from tests.contracts.objects import GATE, causes, eventually, job

MERGE = {"content-type": "application/merge-patch+json"}
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"


class Training:
    """A running Indexed Job of the name `train`, and its pods by index."""

    def __init__(self, raw, jobs, pods):
        self.raw, self.url, self.jobs, self.pods_url = raw, f"{jobs}/train", jobs, pods

    def start(self, *, completions=3, parallelism=3, template=None, **spec):
        held = {"schedulingGates": [GATE]} | (template or {})
        whole = {"completions": completions, "parallelism": parallelism, "completionMode": "Indexed"}
        body = job("train", spec={"suspend": False} | whole | spec, template=held)
        answer = self.raw.post(self.jobs, json=body)
        assert answer.status_code == 201, answer.text
        self.until_active(min(completions, parallelism))
        return self

    def read(self):
        return self.raw.get(self.url).json()

    def status(self):
        return self.read()["status"]

    def change(self, **spec):
        return self.raw.patch(self.url, json={"spec": spec}, headers=MERGE)

    def pods(self):
        """Those that are to live, by index."""
        found = self.raw.get(self.pods_url).json()["items"]
        living = [one for one in found if one["status"].get("phase") == "Pending"]
        return {int(one["metadata"]["labels"][INDEX]): one for one in living if not _leaves(one)}

    def is_tracked(self, name):
        """Whether a pod is still held until its end is counted."""
        meta = self.raw.get(f"{self.pods_url}/{name}").json()["metadata"]
        return "batch.kubernetes.io/job-tracking" in meta.get("finalizers", [])

    def until_active(self, count):
        return eventually(lambda: (pods := self.pods()) and len(pods) == count and self._told(count) and pods)

    def _told(self, count):
        return self.status().get("active", 0) == count

    def end(self, index, code=0, finished_at="2026-01-01T00:00:01Z"):
        """As a node does it for a pod whose container has ended; one of days to come is in back-off."""
        name = self.pods()[index]["metadata"]["name"]
        ended = {"exitCode": code, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": finished_at}
        container = {"name": "main", "image": "app", "imageID": "", "ready": False, "restartCount": 0}
        container["state"] = {"terminated": ended}
        status = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}
        answer = self.raw.patch(f"{self.pods_url}/{name}/status", json={"status": status}, headers=MERGE)
        assert answer.status_code == 200, answer.text

    def ended(self):
        """The status of the Job once it is Complete or Failed, and that condition's type and reason."""
        return eventually(self._ended)

    def _ended(self):
        status = self.status()
        last = [one for one in status.get("conditions") or [] if one["type"] in ("Complete", "Failed")]
        return (status, (last[0]["type"], last[0]["reason"], last[0]["message"])) if last else None


def _leaves(pod):
    return pod["metadata"].get("deletionTimestamp")


@pytest.fixture
def training(raw, jobs, pods):
    return Training(raw, jobs, pods)


def test_every_pod_knows_its_index_and_its_name_among_the_others(training):
    training.start(template={"subdomain": "train"})
    for index, pod in training.pods().items():
        meta, spec = pod["metadata"], pod["spec"]
        assert meta["generateName"] == f"train-{index}-"
        assert meta["name"].startswith(f"train-{index}-")
        assert meta["annotations"] == {INDEX: str(index)}
        assert meta["labels"][INDEX] == str(index)
        assert (spec["hostname"], spec["subdomain"]) == (f"train-{index}", "train")
        source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
        assert spec["containers"][0]["env"] == [{"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]


def test_the_status_says_zero_where_nothing_is_ready_and_nothing_of_what_is_not_there(training):
    status = eventually(lambda: "ready" in (now := training.start().status()) and now)
    assert (status["active"], status["ready"], status["terminating"]) == (3, 0, 0)
    assert status["uncountedTerminatedPods"] == {}
    assert not {"completedIndexes", "failedIndexes", "succeeded", "failed", "conditions"} & set(status)


def test_fewer_at_a_time_takes_pods_back_and_more_gives_the_indexes_pods_again(training):
    first = training.start().until_active(3)
    training.change(parallelism=1)
    [kept] = training.until_active(1).values()
    assert kept["metadata"]["uid"] in {one["metadata"]["uid"] for one in first.values()}
    training.change(parallelism=0)
    eventually(lambda: not training.pods() and "active" not in training.status())
    training.change(parallelism=2)
    assert set(training.until_active(2)) == {0, 1}
    assert not training.status().get("failed")


def test_a_training_grows_and_shrinks_with_its_indexes(training):
    training.start(completions=2, parallelism=2)
    refused = training.change(completions=4)
    assert refused.status_code == 422
    assert causes(refused)["spec.completions"][1].endswith(
        "can only be modified in tandem with spec.parallelism"
    )
    assert training.change(completions=4, parallelism=4).status_code == 200
    assert set(training.until_active(4)) == {0, 1, 2, 3}
    assert training.change(completions=1, parallelism=1).status_code == 200
    assert set(training.until_active(1)) == {0}


def test_a_failed_pod_whose_index_is_cut_off_is_let_go_and_counts_for_nothing(training):
    training.start(completions=2, parallelism=2, backoffLimitPerIndex=5)
    name = training.pods()[1]["metadata"]["name"]
    training.end(1, code=1, finished_at="2099-01-01T00:00:00Z")
    training.until_active(1)
    assert training.is_tracked(name)  # until its successor is there
    assert training.change(completions=1, parallelism=1).status_code == 200
    eventually(lambda: not training.is_tracked(name))
    assert not training.status().get("failed")
    training.end(0)
    assert training.ended()[1][:2] == ("Complete", "CompletionsReached")


def test_a_stopped_training_goes_on_with_the_indexes_that_are_not_done(training):
    training.start()
    training.end(1)
    eventually(lambda: training.status().get("completedIndexes") == "1")
    training.change(suspend=True)
    eventually(lambda: not training.pods() and "active" not in training.status())
    assert "startTime" not in training.status()
    elsewhere = {"spec": {"nodeSelector": {"gpu": "h100"}}}
    assert training.change(template=elsewhere).status_code == 200
    training.change(suspend=False)
    again = training.until_active(2)
    assert set(again) == {0, 2}
    assert all(one["spec"]["nodeSelector"] == {"gpu": "h100"} for one in again.values())
    for index in again:
        training.end(index)
    status, why = training.ended()
    assert why[:2] == ("Complete", "CompletionsReached")
    assert (status["completedIndexes"], status["succeeded"]) == ("0-2", 3)


def test_what_no_rule_names_replaces_one_index_and_leaves_the_others(training):
    first = training.start().until_active(3)
    training.raw.delete(f"{training.pods_url}/{first[1]['metadata']['name']}")
    eventually(lambda: training.status().get("failed") == 1)
    again = training.until_active(3)
    uids = {index: one["metadata"]["uid"] for index, one in first.items()}
    assert {index for index, one in again.items() if uids[index] != one["metadata"]["uid"]} == {1}


FAIL_JOB = {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}


def test_one_pod_may_end_the_whole_training(training):
    training.start(podFailurePolicy={"rules": [FAIL_JOB]})
    name = training.pods()[2]["metadata"]["name"]
    training.end(2, code=42)
    status, (kind, reason, message) = training.ended()
    assert (kind, reason, status["failed"]) == ("Failed", "PodFailurePolicy", 3)
    assert f"/{name} failed with exit code 42 matching FailJob rule at index 0" in message


def test_the_defaults_of_policies(training):
    evicted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    spec = training.start(podFailurePolicy={"rules": [evicted]}, backoffLimitPerIndex=1).read()["spec"]
    assert spec["podFailurePolicy"]["rules"][0]["onPodConditions"] == [
        {"type": "DisruptionTarget", "status": "True"}
    ]
    assert (spec["podReplacementPolicy"], spec["backoffLimit"]) == ("Failed", 2**31 - 1)
    assert spec["manualSelector"] is False


def test_an_index_that_may_not_fail_fails_for_itself(training):
    training.start(backoffLimitPerIndex=0)
    assert all(one["metadata"]["annotations"][FAILURES] == "0" for one in training.pods().values())
    training.end(1, code=1)
    status = eventually(lambda: (now := training.status()).get("failedIndexes") == "1" and now)
    assert "conditions" not in status
    assert set(training.until_active(2)) == {0, 2}
    for index in (0, 2):
        training.end(index)
    status, why = training.ended()
    assert why == ("Failed", "FailedIndexes", "Job has failed indexes")
    assert (status["completedIndexes"], status["failedIndexes"], status["failed"]) == ("0,2", "1", 1)


def test_indexes_that_all_succeed_leave_an_empty_set_of_failed_ones(training):
    training.start(completions=2, parallelism=2, backoffLimitPerIndex=0)
    for index in (0, 1):
        training.end(index)
    status, why = training.ended()
    assert (why[:2], status["failedIndexes"]) == (("Complete", "CompletionsReached"), "")


def test_too_many_failed_indexes_end_the_training(training):
    training.start(completions=4, parallelism=3, backoffLimitPerIndex=0, maxFailedIndexes=1)
    training.end(0, code=1)
    training.until_active(3)
    training.end(1, code=1)
    status, why = training.ended()
    message = "Job has exceeded the specified maximal number of failed indexes"
    assert why == ("Failed", "MaxFailedIndexesExceeded", message)
    assert (status["failedIndexes"], status["failed"]) == ("0,1", 4)


def test_a_rule_may_give_an_index_up(training):
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}
    training.start(backoffLimitPerIndex=9, podFailurePolicy={"rules": [rule]})
    training.end(0, code=42)
    eventually(lambda: training.status().get("failedIndexes") == "0")
    assert set(training.until_active(2)) == {1, 2}


def test_a_leader_that_succeeds_completes_the_training(training):
    training.start(successPolicy={"rules": [{"succeededIndexes": "0"}]})
    training.end(0)
    status, why = training.ended()
    assert why == ("Complete", "SuccessPolicy", "Matched rules at index 0")
    assert (status["succeeded"], status["completedIndexes"]) == (1, "0")
    assert "active" not in status
    eventually(lambda: not training.pods())


def test_enough_of_some_indexes_complete_the_training(training):
    rules = [{"succeededIndexes": "0"}, {"succeededIndexes": "1-2", "succeededCount": 1}]
    training.start(completions=4, parallelism=4, successPolicy={"rules": rules})
    training.end(3)
    eventually(lambda: training.status().get("succeeded") == 1)
    assert set(training.until_active(3)) == {0, 1, 2}
    training.end(2)
    assert training.ended()[1] == ("Complete", "SuccessPolicy", "Matched rules at index 1")


def _codes(**change):
    codes = {"operator": "In", "values": [1]} | change
    return {"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": codes}]}}


RULES = "spec.podFailurePolicy.rules[0]"
SUCCESS = "spec.successPolicy.rules"


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({"maxFailedIndexes": 1}, "spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"),
        ({"backoffLimitPerIndex": -1}, "spec.backoffLimitPerIndex", "greater than or equal to 0"),
        ({"backoffLimitPerIndex": 1, "maxFailedIndexes": 3}, "spec.maxFailedIndexes", "equal to completions"),
        ({"completionMode": "NonIndexed", "backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex", "indexed"),
        ({"managedBy": "nobody"}, "spec.managedBy", "must be a domain-prefixed path"),
        (_codes(values=[0]), f"{RULES}.onExitCodes.values[0]", "must not be 0 for the In operator"),
        (_codes(values=[]), f"{RULES}.onExitCodes.values", "at least one value is required"),
        (_codes(values=[2, 1]), f"{RULES}.onExitCodes.values", "must be ordered"),
        (_codes(values=[1, 1]), f"{RULES}.onExitCodes.values[1]", "Duplicate value: 1"),
        (_codes(containerName="other"), f"{RULES}.onExitCodes.containerName", "initContainer names"),
        (_codes() | {"podReplacementPolicy": "TerminatingOrFailed"}, "spec.podReplacementPolicy", '"Failed"'),
        ({"podFailurePolicy": {"rules": [{"action": "FailJob"}]}}, RULES, "specifying one of OnExitCodes"),
        ({"podFailurePolicy": {"rules": [_codes()["podFailurePolicy"]["rules"][0]
          | {"action": "FailIndex"}]}}, f"{RULES}.action", "requires the backoffLimitPerIndex to be set"),
        ({"successPolicy": {"rules": []}}, SUCCESS, "at least one rules must be specified"),
        ({"successPolicy": {"rules": [{}]}}, f"{SUCCESS}[0]", "at least one of succeededCount or"),
        ({"successPolicy": {"rules": [{"succeededIndexes": "0-5"}]}}, f"{SUCCESS}[0].succeededIndexes",
         'too large index: "5"'),
        ({"successPolicy": {"rules": [{"succeededIndexes": "1,0"}]}}, f"{SUCCESS}[0].succeededIndexes",
         "non-increasing order, previous: 1, current: 0"),
        ({"successPolicy": {"rules": [{"succeededIndexes": "a"}]}}, f"{SUCCESS}[0].succeededIndexes",
         'cannot convert string to integer for index: "a"'),
        ({"successPolicy": {"rules": [{"succeededIndexes": "0-1-2"}]}}, f"{SUCCESS}[0].succeededIndexes",
         'the fragment "0-1-2" violates the requirement'),
        ({"successPolicy": {"rules": [{"succeededCount": 5}]}}, f"{SUCCESS}[0].succeededCount",
         "must be less than or equal to 2 (the number of specified completions)"),
        ({"successPolicy": {"rules": [{"succeededIndexes": "0", "succeededCount": 2}]}},
         f"{SUCCESS}[0].succeededCount", "must be less than or equal to 1 (the number of indexes"),
    ],
)  # fmt: skip
def test_policies_are_checked(raw, jobs, spec, field, words):
    indexed = {"completionMode": "Indexed", "completions": 2}
    answer = raw.post(jobs, json=job("train", spec=indexed | spec))
    assert answer.status_code == 422
    assert words in causes(answer)[field][1]


@pytest.mark.parametrize(
    "change",
    [
        {"backoffLimitPerIndex": 2},
        {"successPolicy": {"rules": [{"succeededCount": 1}]}},
        {"podFailurePolicy": {"rules": [FAIL_JOB]}, "podReplacementPolicy": "Failed"},
    ],
)
def test_policies_do_not_change(training, change):
    training.start(backoffLimitPerIndex=1)
    answer = training.change(**change)
    assert answer.status_code == 422
    assert "field is immutable" in answer.json()["message"]
