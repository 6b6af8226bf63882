"""A look at a whole cluster over HTTP: endpoints that answer, hang, drip or refuse; who takes turns."""

import json
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from metrics import health, looking, tasks
from metrics.models import Health, PrometheusServer, Scraped, Upkeep
from metrics.scraping import fetching, scraper
from metrics.scraping.endpoints import Exporters, endpoints_of
from metrics.scraping.fetching import Endpoint, fetch_all
from metrics.sources import asking, finding, resource_metrics
from metrics.sources.prometheus import server_of
from metrics.sources.source import SourceError
from runyard.clusters.connection import connect
from runyard.clusters.models import Cluster, Node
from tests.make import make_pod
from tests.metrics import texts
from workloads.models import Usage

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "users": [{"name": "me", "user": {}}],
    "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
    "current-context": "it",
}


class Api:
    """An API server that answers `paths`: bytes, an object, a status (an int), or a function that writes."""

    def __init__(self):
        self.paths, self.asked = {}, []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                api.asked.append(self.path)
                answer = api.paths.get(self.path, api.paths.get(path, 404))
                if callable(answer):
                    return answer(self)
                status = answer if isinstance(answer, int) else 200
                body = answer if isinstance(answer, bytes) else json.dumps(_status(answer)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return None

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


def _status(answer):
    if isinstance(answer, int):
        return {"kind": "Status", "code": answer, "reason": "X", "message": f"refused with {answer}"}
    return answer


@pytest.fixture
def api():
    one = Api()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join(30)
    one.server.server_close()


@pytest.fixture
def answering(db, api, tmp_path):
    """A cluster with node-1, with two GPUs, behind `api`."""
    server = {"server": f"http://127.0.0.1:{api.server.server_port}"}
    (tmp_path / "config").write_text(json.dumps(CONFIG | {"clusters": [{"name": "it", "cluster": server}]}))
    cluster = Cluster.objects.create(name="answering", kubeconfig=str(tmp_path / "config"))
    Node.objects.create(cluster=cluster, uid="n1", name="node-1", gpus=2, resource_version="1")
    scraper._scrapers.clear()
    return cluster


@pytest.fixture
def training(answering, ada, red):
    from tests.make import make_workload

    workload = make_workload(red, answering, name="sft", created_by=ada)
    make_pod(workload, name="sft-0", uid="first", node="node-1")
    return workload


def kubelet(what):
    return f"/api/v1/nodes/node-1/proxy/metrics/{what}"


GPUS = "/api/v1/nodes/node-1:9400/proxy/metrics"


def told():
    return {row.source: row.why for row in Health.objects.all()}


def test_a_look_brings_samples_the_latest_use_and_health(api, answering, training):
    api.paths |= {kubelet("cadvisor"): texts.cadvisor(cpu=100), kubelet("resource"): texts.resource()}
    api.paths[GPUS] = texts.dcgm({0: (75, 1000, "sft-0"), 1: (0, 0, "")})
    now = timezone.now()
    looking.look_at(answering, lambda: now)
    api.paths[kubelet("cadvisor")] = texts.cadvisor(cpu=130)
    looking.look_at(answering, lambda: now + timedelta(seconds=15))
    usage = Usage.objects.get(workload=training)
    assert (usage.gpu_compute, usage.cpu_millis, usage.memory_bytes) == (75, 2000, 2**30)
    assert told() == {"kubelet": "", "GPU exporter": ""}
    assert Scraped.objects.count() == 2


def test_metrics_k8s_io_stands_in_where_kubelets_are_closed(api, answering, training):
    api.paths |= {kubelet("cadvisor"): 403, kubelet("resource"): 403, GPUS: texts.dcgm({0: (75, 1, "sft-0")})}
    api.paths[f"{resource_metrics.PATH}/pods"] = {
        "items": [
            {
                "metadata": {"name": "sft-0", "namespace": "red"},
                "containers": [
                    {"usage": {"cpu": "1500m", "memory": "1Gi"}},
                    {"usage": {"cpu": "250000000n"}},
                ],
            },
            {"metadata": {"name": "odd", "namespace": "red"}, "containers": [{"usage": {"cpu": "many"}}]},
        ]
    }
    looking.look_at(answering)
    usage = Usage.objects.get(workload=training)
    assert (usage.cpu_millis, usage.memory_bytes, usage.gpu_compute) == (1750, 2**30, 75)
    assert told() == {"kubelet": "refused with 403", "GPU exporter": "", "metrics.k8s.io": ""}
    assert "/apis/metrics.k8s.io/v1beta1/pods" in api.asked


def test_metrics_k8s_io_is_left_alone_where_kubelets_answer(api, answering):
    api.paths |= {kubelet("cadvisor"): b"", kubelet("resource"): texts.resource(), GPUS: b""}
    looking.look_at(answering)
    assert told() == {"kubelet": "", "GPU exporter": ""}


def test_where_nothing_answers_each_is_told_with_why(api, answering, training):
    looking.look_at(answering)
    assert told() == {
        "kubelet": "refused with 404",
        "GPU exporter": "refused with 404",
        "metrics.k8s.io": "the cluster has no metrics-server",
    }
    assert not Usage.objects.exists()


def test_the_exporters_pods_are_asked_where_there_are_some(api, answering):
    pods = [
        {
            "metadata": {"name": "dcgm-a", "namespace": "gpu"},
            "spec": {"nodeName": node},
            "status": {"phase": phase},
        }
        for node, phase in (("node-1", "Running"), ("node-2", "Pending"))
    ]
    api.paths["/api/v1/pods"] = {"items": pods}
    exporters = Exporters()
    exporters.look(connect(answering))
    Node.objects.create(cluster=answering, uid="n2", name="node-2", gpus=0, resource_version="1")
    paths = [one.path for one in endpoints_of(Node.objects.order_by("name"), exporters)]
    assert [path for path in paths if ":9400" in path] == [
        "/api/v1/namespaces/gpu/pods/dcgm-a:9400/proxy/metrics"
    ]


def fetch(answering, *paths, seconds=20.0):
    endpoints = [Endpoint("kubelet", path, path) for path in paths]
    return {one.endpoint.path: one for one in fetch_all(connect(answering), endpoints, seconds)}


def test_one_that_hangs_or_drips_keeps_no_other(api, answering):
    go_on = threading.Event()

    def hang(handler):
        go_on.wait(30)

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not go_on.wait(0.05):
            handler.wfile.write(b"#")

    api.paths |= {"/hangs": hang, "/drips": drip, "/good": b"a 1\n"}
    try:
        found = fetch(answering, "/hangs", "/drips", "/good", seconds=2.0)
    finally:
        go_on.set()
    assert found["/good"].body == b"a 1\n"
    assert found["/hangs"].why in ("it did not answer in time", "no answer within 2 seconds")
    assert found["/drips"].why in ("it did not answer in time", "no answer within 2 seconds")


#: By its encoding, how an answer begins and what comes of it then again and again: packed, that is nothing.
DRIPS = {
    "identity": (b"", b" "),
    "gzip": (b"\x1f\x8b\x08\x08\0\0\0\0\0\x03", b"a"),  # a name of a file, without its end
    "deflate": (b"\x78\x9c", b"\0\0\0\xff\xff"),  # blocks that are empty
    "head": (b"X-Slow: ", b"a"),  # which is no encoding: not even the lines before an answer end
}
NO_END = ("Prometheus did not answer within 1 seconds", "though asked not to")


@pytest.fixture(params=DRIPS)
def drip(api, request):
    """The path of an answer that comes bit by bit, for longer than any test waits."""
    over = threading.Event()
    begins, goes_on = DRIPS[request.param]

    def handle(handler):
        handler.send_response(200)
        if request.param == "head":
            handler.flush_headers()
        else:
            handler.send_header("Content-Encoding", request.param)
            handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(begins)
            while not over.wait(0.02):
                handler.wfile.write(goes_on)

    api.paths["/drips/api/v1/query"] = handle
    yield "/drips/api/v1/query"
    over.set()


def test_one_that_drips_holds_no_thread_once_its_time_is_over(answering, drip):
    assert fetch(answering, drip, seconds=1.0)[drip].why
    ends = time.monotonic() + 30
    while any(thread.name.startswith("scrape") for thread in threading.enumerate()):
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["through the cluster", "at its own address"])
def test_a_prometheus_that_drips_holds_no_page_beyond_its_time(answering, api, drip, way, monkeypatch):
    monkeypatch.setattr(asking, "READ_SECONDS", 1.0)
    direct = asking.Direct(f"http://127.0.0.1:{api.server.server_port}/drips")
    client = asking.Proxied(answering, "/drips") if way == "through the cluster" else direct
    asked = Future()

    def ask():
        try:
            asked.set_result(client.ask("/api/v1/query", {}, "vector"))
        except Exception as error:
            asked.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    assert any(words in str(asked.exception(30)) for words in NO_END)


def test_what_comes_packed_unasked_is_refused_in_words(api, answering):
    def packed(handler):
        assert handler.headers["Accept-Encoding"] == "identity"
        handler.send_response(200)
        handler.send_header("Content-Encoding", "br")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"junk")

    api.paths["/packed/api/v1/query"] = packed
    said = "it answers packed (br), though asked not to"
    direct = asking.Direct(f"http://127.0.0.1:{api.server.server_port}/packed")
    assert fetch(answering, "/packed/api/v1/query")["/packed/api/v1/query"].why == said
    for client in (asking.Proxied(answering, "/packed"), direct):
        with pytest.raises(SourceError) as refused:
            client.ask("/api/v1/query", {}, "vector")
        assert str(refused.value).endswith(f"/packed cannot be read: {said}")


def test_one_that_never_ends_is_cut(api, answering, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_BYTES", 2**20)
    api.paths["/endless"] = b"#" * 2**21
    assert fetch(answering, "/endless")["/endless"].why == "it answers more than 1 MiB"


def test_a_cluster_without_a_way_to_it_is_told(cluster):
    looking.look_at(cluster)
    assert "There is no kubeconfig" in told()["kubelet"]


# --- a Prometheus in the cluster ---


def test_the_prometheus_of_a_cluster_is_found_when_it_knows_of_pods(api, answering):
    service = {"metadata": {"name": "prom", "namespace": "monitoring"}, "spec": {"ports": [{"port": 9090}]}}
    api.paths["/api/v1/services?labelSelector=app.kubernetes.io%2Fname%3Dprometheus&limit=50"] = {
        "items": [service]
    }
    api.paths["/api/v1/services"] = {"items": []}
    proxy = "/api/v1/namespaces/monitoring/services/prom:9090/proxy"
    answer = {"status": "success", "data": {"resultType": "vector", "result": []}}
    api.paths[f"{proxy}/api/v1/query"] = answer
    now = timezone.now()
    finding.renew(answering, now)
    assert server_of(answering) is None, "it knows nothing of ours"
    answer["data"]["result"] = [{"metric": {}, "value": [1, "5"]}]
    finding.renew(answering, now + timedelta(minutes=4))
    assert server_of(answering) is None, "not looked for again so soon"
    finding.renew(answering, now + timedelta(minutes=5))
    assert server_of(answering).client.path == proxy


# --- the command ---


def command(*words, cluster="answering"):
    from io import StringIO

    out = StringIO()
    call_command("prometheus", cluster, *words, stdout=out)
    return out.getvalue().strip()


def test_the_command_sets_one_asks_it_and_forgets_it(answering):
    with pytest.raises(CommandError, match="does not answer"):
        command("--url", "http://127.0.0.1:1", "--header", "X-Scope-OrgID: team", "--matchers", 'cluster="a"')
    row = PrometheusServer.objects.get()
    assert (row.headers, row.matchers) == ({"X-Scope-OrgID": "team"}, 'cluster="a"')
    assert command("--url", "") == "No Prometheus is asked: Runyard looks at the nodes itself."
    assert command("--forget").startswith("No Prometheus is asked")
    assert not PrometheusServer.objects.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", "not a url"], "valid URL"),
        (["--url", "http://a", "--header", "no colon"], "is no header"),
        (["--url", "http://a", "--header", "two words: x"], "is no header"),
    ],
)
def test_the_command_refuses_in_words(answering, words, said):
    with pytest.raises(CommandError, match=said):
        command(*words)
    assert not PrometheusServer.objects.exists()


def test_the_command_names_the_clusters_there_are(answering):
    with pytest.raises(CommandError, match=r"no cluster elsewhere; there are: answering\."):
        command(cluster="elsewhere")


# --- turns, and health over time ---


def test_a_turn_is_taken_once(answering):
    assert tasks._turn(answering.pk, "scraped_at", 12)
    assert not tasks._turn(answering.pk, "scraped_at", 12)
    assert tasks._turn(answering.pk, "folded_at", 12)
    Upkeep.objects.update(scraped_at=timezone.now() - timedelta(seconds=13))
    assert tasks._turn(answering.pk, "scraped_at", 12)


def test_a_clock_that_was_put_back_stops_nothing(answering):
    Upkeep.objects.create(cluster=answering, scraped_at=timezone.now() + timedelta(days=1))
    assert tasks._turn(answering.pk, "scraped_at", 12)


def rows():
    return [list(kind.objects.order_by("pk").values()) for kind in (Usage, Health)]


@pytest.mark.parametrize("cadvisor", [texts.cadvisor(cpu=9), 503])
def test_who_stood_still_while_looking_undoes_nothing_of_who_looked_since(
    api, answering, training, caplog, cadvisor
):
    caplog.set_level("INFO", looking.__name__)
    now = timezone.now()
    api.paths |= {kubelet("cadvisor"): texts.cadvisor(cpu=100), kubelet("resource"): texts.resource()}
    looking.look_at(answering, lambda: now)
    looking.look_at(answering, lambda: now + timedelta(seconds=15))
    before = rows()
    api.paths |= {kubelet("cadvisor"): cadvisor, kubelet("resource"): 404}
    looking.look_at(answering, lambda: now - timedelta(seconds=1))
    assert rows() == before
    assert "for a newer one is written" in caplog.text


def test_a_look_that_takes_long_is_written_where_no_newer_one_is(api, answering, training):
    began = timezone.now() - timedelta(hours=1)
    api.paths |= {kubelet("cadvisor"): texts.cadvisor(cpu=100), kubelet("resource"): texts.resource()}
    looking.look_at(answering, lambda: began)
    assert told()["kubelet"] == ""
    assert Usage.objects.get(workload=training).at == began


def test_looks_of_a_clock_that_was_put_back_are_written(api, answering, training):
    Upkeep.objects.create(cluster=answering, written_at=timezone.now() + timedelta(days=1))
    api.paths |= {kubelet("cadvisor"): texts.cadvisor(cpu=100), kubelet("resource"): texts.resource()}
    looking.look_at(answering)
    assert told()["kubelet"] == ""


def test_who_stood_still_asking_a_prometheus_blames_none_that_answers_since(api, answering, training):
    """And what it scrapes after that is of the time when it does."""
    PrometheusServer.objects.create(
        cluster=answering, url=f"http://127.0.0.1:{api.server.server_port}/prometheus"
    )
    well = {"status": "success", "data": {"resultType": "vector", "result": []}}
    api.paths["/prometheus/api/v1/query"] = well
    api.paths |= {kubelet("cadvisor"): texts.cadvisor(cpu=100), kubelet("resource"): texts.resource()}
    now = timezone.now()
    looking.look_at(answering, lambda: now)
    before = told()
    api.paths["/prometheus/api/v1/query"] = 503
    moments = iter([now - timedelta(minutes=10), now - timedelta(minutes=10)])
    looking.look_at(answering, lambda: next(moments, now + timedelta(seconds=1)))
    assert told() == before | {"kubelet": "", "GPU exporter": "refused with 404"}
    assert {row.at for row in Scraped.objects.all()} == {(now + timedelta(seconds=1)).replace(microsecond=0)}


def test_who_stops_between_the_check_and_the_end_of_what_it_writes_has_written_nothing(
    answering, monkeypatch
):
    """Nor does it hold up others for longer than 30 s."""
    held = []

    def apply(*_):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('idle_in_transaction_session_timeout')")
            held.append((connection.in_atomic_block, cursor.fetchone()[0]))
        raise OSError("as if the worker were killed here")

    Upkeep.objects.create(cluster=answering, searched_at=timezone.now())
    monkeypatch.setattr(looking.latest, "apply", apply)
    with pytest.raises(OSError, match="killed"), transaction.atomic():
        looking.look_at(answering)
    assert held == [(True, "30s")]
    assert (Upkeep.objects.get().written_at, Health.objects.count()) == (None, 0)


AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def tell(cluster, why, minute):
    health.tell(cluster.pk, {("kubelet", "n"): why}, AT + timedelta(minutes=minute), ["kubelet"])
    return Health.objects.get(node="n")


def test_health_tells_since_when(answering):
    assert tell(answering, "", 0).since == AT
    assert tell(answering, "", 5).since == AT
    assert tell(answering, "refused", 6).since == AT + timedelta(minutes=6)
    row = tell(answering, "hangs", 7)
    assert (row.why, row.since, row.seen_at) == (
        "hangs",
        AT + timedelta(minutes=6),
        AT + timedelta(minutes=5),
    )
    assert tell(answering, "", 8).since == AT + timedelta(minutes=8)


def test_nodes_that_are_gone_are_not_complained_of(answering):
    tell(answering, "refused", 0)
    health.tell(answering.pk, {}, AT, ["kubelet"])
    assert not Health.objects.exists()
