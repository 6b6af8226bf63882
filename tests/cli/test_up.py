"""`runyard up` on the real thing: serves pages, survives the death of each process, leaves nothing behind."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runyardctl.poll import until
from runyardctl.process import is_gone
from tests.embedded import free_port
from tests.metrics.exporter.driver import MACHINE
from tests.product import Up

NAMES = ("PostgreSQL", "Valkey", "Cluster", "Exporter", "Worker", "Beat", "Collector", "Web")


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Up]:
    """The first start; the tests below go on from one another's state, as a person's machine does.

    It finds two scripted GPUs; the later starts find none, and start no exporter.
    """
    running = Up(tmp_path_factory.mktemp("up") / "home", free_port(), **MACHINE)
    running.wait_until_serving()
    running.wait_for("Ctrl-C")
    yield running
    if running.process.poll() is None:
        running.end()


def test_the_first_start_says_how_to_get_in_and_the_link_works(up):
    assert re.search(r"Password +\S{12,}  \(shown only now\)", up.text)
    link = re.search(rf"Sign in +http://127.0.0.1:{up.port}(/\S+)", up.text)
    assert link
    assert up.serves(link[1])
    for name in NAMES:
        assert re.search(rf"^  {name} ready \(\d+\.\d s\)$", up.text, re.M)


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_process_is_back_and_pages_are_served(up, name):
    old = up.child(name)
    old.kill()
    up.wait_for(f"{name} died (SIGKILL); restarted, ready (")
    assert up.child(name) != old
    assert until(up.serves, 60)


def test_manage_reaches_the_running_one(up):
    argv = [sys.executable, "-m", "runyardctl", "manage", "shell", "-v", "0", "-c", COUNT_PEOPLE]
    done = subprocess.run(argv, env=up.env, capture_output=True, text=True)
    assert done.stdout.split() == ["people:", "1"], done.stderr


COUNT_PEOPLE = "from runyard.tenancy.models import User; print('people:', User.objects.count())"


def test_ctrl_c_leaves_nothing_and_the_next_start_serves_again(up):
    processes = up.processes()
    assert up.end() == 0
    assert "Running workloads of the embedded cluster end too" in up.text
    assert all(map(is_gone, processes))
    again = Up(up.home, up.port)
    try:
        again.wait_until_serving()
        again.wait_for("Ctrl-C")
        assert "Password" not in again.text
        assert "Exporter" not in again.text
        processes = again.processes()
    finally:
        again.end(signal.SIGKILL)
    assert until(lambda: all(map(is_gone, processes)), 60), "kill -9 of the supervisor left something running"
    third = Up(up.home, up.port)
    try:
        third.wait_until_serving()
    finally:
        assert third.end(signal.SIGTERM) == 0
