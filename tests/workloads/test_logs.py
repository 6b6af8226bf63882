"""Reading a container's log from a cluster that takes its time."""

import socket
import threading

import pytest
from django.db import connection, transaction

from workloads import logs

pytestmark = pytest.mark.django_db(transaction=True)
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: slow, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: slow, user: {{}}}}]
contexts: [{{name: slow, context: {{cluster: slow, user: slow}}}}]
current-context: slow
"""


@pytest.fixture
def slow_cluster(cluster, tmp_path):
    """A cluster that takes a request and answers once it is let: `(asked, answer)`."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked, answer = threading.Event(), threading.Event()

    def serve():
        taken, _ = listening.accept()
        with taken:
            taken.recv(65_536)
            asked.set()
            answer.wait(20)
            body = b"2026-01-02T03:04:05.000000000Z at last\n"
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    thread = threading.Thread(target=serve)
    thread.start()
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG.format(port=listening.getsockname()[1]))
    cluster.kubeconfig = str(path)
    cluster.save()
    yield asked, answer
    answer.set()
    thread.join(20)
    listening.close()


def test_a_reader_that_waits_for_a_slow_cluster_holds_no_database_connection(ada_training, slow_cluster):
    asked, answer = slow_cluster
    pod = ada_training.pods.select_related("cluster").get()
    said = {}

    def read():
        assert pod.cluster.workloads.exists()  # as a view would: the thread has a connection now
        said["state"] = connection.connection
        said["page"] = logs.tail(pod, "main", 10)

    reader = threading.Thread(target=read)
    reader.start()
    assert asked.wait(20)
    assert said["state"] is not None
    assert said["state"].closed
    answer.set()
    reader.join(20)
    assert [text for _, text in said["page"].lines] == ["at last"]


def test_inside_a_transaction_the_connection_is_kept(ada_training, slow_cluster):
    _, answer = slow_cluster
    answer.set()
    pod = ada_training.pods.select_related("cluster").get()
    with transaction.atomic():
        assert b"".join(logs.whole(pod, "main")).endswith(b"at last\n")
        assert ada_training.pods.exists()
