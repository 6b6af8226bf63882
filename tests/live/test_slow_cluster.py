"""A cluster that does not answer keeps nobody waiting but who asked for something of it."""

import asyncio
import json
import socket
import threading

import httpx
import pytest

from runyard.asgi import application
from tests.embedded import until
from tests.live.conftest import cookie_of
from workloads import shown_manifests

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent_cluster(cluster, tmp_path):
    """Takes connections, and answers nothing until they are hung up."""
    listener, open_ones = socket.create_server(("127.0.0.1", 0)), []
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    file = tmp_path / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": {"server": address}}],
                "users": [{"name": "it", "user": {"token": "none"}}],
            }
        )
    )
    cluster.kubeconfig = str(file)
    cluster.save()

    def accept():
        while True:
            try:
                open_ones.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield open_ones
    listener.close()
    for one in open_ones:
        one.close()


def test_others_have_their_turn_while_a_page_waits_for_it(
    silent_cluster, server, ada, ada_training, monkeypatch
):
    """With one turn for all."""
    turns = application._app.application_mapping["http"]
    monkeypatch.setattr(turns, "_free", asyncio.Semaphore(1))
    monkeypatch.setattr(shown_manifests, "ANSWER_SECONDS", 90)
    site, headers = f"http://127.0.0.1:{server}", {"Cookie": cookie_of(ada)}
    found = []

    def ask():
        found.append(httpx.get(f"{site}/workloads/{ada_training.pk}/yaml", headers=headers, timeout=60))

    waiting = threading.Thread(target=ask)
    waiting.start()
    until(lambda: silent_cluster, what="the page to ask the cluster")
    assert "redwood-sft" in httpx.get(f"{site}/workloads/", headers=headers, timeout=60).text
    assert httpx.get(f"{site}/healthz", timeout=60).text == "ok\n"
    assert not found
    for one in silent_cluster:
        one.close()
    waiting.join(60)
    assert found[0].status_code == 200
    assert "does not answer" in found[0].text
