"""What a container says while somebody is attached to it, as `kubectl attach` asks for it."""

import json
import shlex
from functools import partial

import pytest

from tests.contracts.objects import eventually, pod, refusal
from tests.contracts.test_exec import ERROR, STDERR, STDOUT, told
from tests.contracts.test_running import running_pod


@pytest.fixture
def attached(dial):
    """`attached(pod, **how)`: an open websocket to what its container says."""
    return partial(dial, below="attach")


@pytest.fixture
def goes_on(core, namespace, tmp_path):
    """The pod `one` has said "before"; what it says next it says once this file is there."""
    mark = tmp_path / "go"
    waits = f"until test -e {shlex.quote(str(mark))}; do sleep 0.05; done"
    core.create_namespaced_pod(
        namespace, running_pod("one", f"echo before; {waits}; echo on; echo bad >&2; exit 3")
    )
    eventually(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running")
    eventually(lambda: core.read_namespaced_pod_log("one", namespace) == "before\n")
    return mark


@pytest.mark.programs
@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_one_is_told_what_it_says_from_now_on_until_it_ends(attached, goes_on, protocol):
    with attached("one", protocols=(protocol,)) as socket:
        goes_on.touch()
        said = told(socket)
    assert (said[STDOUT], said[STDERR]) == (b"on\n", b"bad\n")
    assert json.loads(said[ERROR])["status"] == "Success"


@pytest.mark.programs
def test_one_is_told_what_one_asked_for_alone(attached, goes_on):
    with attached("one", stdout=False) as socket:
        goes_on.touch()
        said = told(socket)
    assert (said[STDOUT], said[STDERR]) == (b"", b"bad\n")


@pytest.mark.programs
def test_it_goes_on_when_one_leaves(core, namespace, attached, goes_on):
    with attached("one"):
        pass
    assert core.read_namespaced_pod("one", namespace).status.phase == "Running"
    goes_on.touch()
    eventually(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Failed")
    assert core.read_namespaced_pod_log("one", namespace) == "before\non\nbad\n"


@pytest.mark.programs
def test_input_terminals_and_nothing_at_all_are_refused(attached, goes_on):
    """Containers have no input here: better no than an input that leads nowhere."""
    for how in ({"stdin": True}, {"tty": True}, {"stdout": False, "stderr": False}):
        assert refusal(attached, "one", **how) == 400


def test_what_is_not_there_or_does_not_run_is_refused(core, attached, namespace):
    assert refusal(attached, "nobody") == 404
    core.create_namespaced_pod(namespace, pod("held"))
    assert refusal(attached, "held") == 400
    assert refusal(attached, "held", container="other") == 400
