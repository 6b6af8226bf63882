"""Whose GPU it is: by the kubelet's socket, by the embedded cluster, and by the processes themselves."""

import json
import os
import socket
import threading
import time
from concurrent import futures
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest

from metrics.exporter import fleet, pods, wire
from metrics.exporter.holders import Holder
from metrics.exporter.owners import Owner, owner_of
from metrics.exporter.pods import Attribution, EmbeddedNode, Known, Kubelet
from tests.metrics.exporter.driver import GIB, Gpu, Slice

UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def field(number, value):
    """A field of a protocol buffer: a message or text, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def given(name, *devices, resource="nvidia.com/gpu", namespace="red", container="main"):
    """One PodResources, with CPU ids and a topology as a real kubelet has them."""
    numa = field(3, field(1, field(1, 0)))
    device = field(1, resource) + b"".join(field(2, one) for one in devices) + numa
    inner = field(1, container) + field(2, device) + field(3, b"\x01\x02")
    return field(1, field(1, name) + field(2, namespace) + field(3, inner))


def claimed(name, *devices, cdi=(), driver="gpu.nvidia.com", share=""):
    """One PodResources of a pod with a claim: `devices` as newer kubelets name them, `cdi` as all do."""
    named = b"".join(field(1, field(1, one)) for one in cdi)
    shared = field(5, share) if share else b""
    whole = [named + field(2, driver) + field(3, "node-1") + field(4, one) + shared for one in devices]
    claim = field(2, "gpus") + field(3, "red") + b"".join(field(4, one) for one in whole or [named])
    return field(1, field(1, name) + field(2, "red") + field(3, field(1, "main") + field(5, claim)))


@pytest.fixture
def kubelet(tmp_path):
    """A gRPC server on a socket, as a kubelet has it; `answer` is what it gives."""

    class Kubelet:
        answer = b""
        asked = 0
        socket = str(tmp_path / "kubelet.sock")

        def list(self, request, context):
            assert request == b""
            self.asked += 1
            if isinstance(self.answer, grpc.StatusCode):
                context.abort(self.answer, "no")
            return self.answer

        def start(self):
            handler = grpc.unary_unary_rpc_method_handler(self.list)
            self.server = grpc.server(futures.ThreadPoolExecutor(2))
            handlers = grpc.method_handlers_generic_handler("v1.PodResourcesLister", {"List": handler})
            self.server.add_generic_rpc_handlers((handlers,))
            self.server.add_insecure_port(f"unix://{self.socket}")
            self.server.start()

        def stop(self):
            self.server.stop(None).wait()

    one = Kubelet()
    one.start()
    yield one
    one.stop()


def test_gpus_and_slices_carry_the_pods_that_the_kubelet_names(exporter, kubelet):
    kubelet.answer = b"".join(
        (
            given("train-0", "GPU-0"),
            given("notebook", "MIG-a", resource="nvidia.com/mig-3g.40gb"),
            given("other", "GPU-2", resource="example.com/nic"),
            given("cpu-only"),
        )
    )
    gpus = [Gpu("GPU-0"), Gpu("GPU-1", slices=[Slice("MIG-a", 1, "3g.40gb", 40 * GIB)]), Gpu("GPU-2")]
    page = exporter(gpus, Kubelet(kubelet.socket)).metrics()
    (labels, _), *_ = page.all("DCGM_FI_DEV_GPU_UTIL", gpu="0")
    assert (labels["namespace"], labels["pod"], labels["container"]) == ("red", "train-0", "main")
    assert "pod_uid" not in labels  # the kubelet does not tell it
    assert page.one("DCGM_FI_DEV_FB_USED", GPU_I_ID="1", pod="notebook") == 0
    assert not any("pod" in labels for labels, _ in page.all("DCGM_FI_DEV_GPU_UTIL", gpu="2"))
    assert page.one("runyard_gpu_pods_up", source="kubelet", reason="") == 1


@pytest.mark.parametrize(
    ("device", "labels"),
    [
        ("GPU-0", {"gpu": "0"}),
        ("nvidia0", {"gpu": "0"}),
        ("nvidia0/vgpu3", {"gpu": "0", "vgpu": "3"}),
        ("MIG-a", {"GPU_I_ID": "5"}),
        ("MIG-a::2", {"GPU_I_ID": "5", "vgpu": "2"}),
        ("MIG-GPU-1/5/0", {"GPU_I_ID": "5"}),
        ("nvidia1/gi5", {"GPU_I_ID": "5"}),
    ],
)
@pytest.mark.parametrize(
    "resource",
    ["nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-3g.40gb", "nvidia.com/mig-3g.40gb.shared"],
)
def test_devices_are_known_by_what_any_plugin_calls_them(exporter, kubelet, device, labels, resource):
    """Slices are nvidia.com/gpu with the plugin's strategy `single`, and go by their profile with `mixed`."""
    kubelet.answer = given("train-0", device, resource=resource)
    gpus = [Gpu("GPU-0"), Gpu("GPU-1", slices=[Slice("MIG-a", 5, "3g.40gb", 40 * GIB)])]
    page = exporter(gpus, Kubelet(kubelet.socket)).metrics()
    ((found, _),) = page.all("DCGM_FI_DEV_FB_USED", pod="train-0")
    assert labels.items() <= found.items()


CLAIM = f"k8s.gpu.nvidia.com/claim={UID}-gpu-1"


@pytest.mark.parametrize(
    "answer",
    [
        claimed("train-0", "gpu-1", cdi=[CLAIM]),
        claimed("train-0", cdi=["k8s.gpu.nvidia.com/device=gpu-1", CLAIM]),
        claimed("train-0", cdi=[CLAIM]),
    ],
    ids=["its name", "names for the runtime", "that of the claim alone"],
)
def test_a_gpu_that_a_claim_gave_carries_its_pod(exporter, kubelet, answer):
    kubelet.answer = answer
    page = exporter([Gpu("GPU-0"), Gpu("GPU-1")], Kubelet(kubelet.socket)).metrics()
    ((labels, _),) = page.all("DCGM_FI_DEV_FB_USED", pod="train-0")
    assert (labels["UUID"], labels["namespace"], labels["container"]) == ("GPU-1", "red", "main")


def test_users_of_one_claimed_gpu_are_told_apart_by_their_shares(exporter, kubelet):
    kubelet.answer = claimed("one", "gpu-0", share="a") + claimed("two", "gpu-0", share="b")
    page = exporter([Gpu("GPU-0")], Kubelet(kubelet.socket)).metrics()
    found = {(labels["pod"], labels["vgpu"]) for labels, _ in page.all("DCGM_FI_DEV_FB_USED")}
    assert found == {("one", "a"), ("two", "b")}


@pytest.mark.parametrize(
    "answer",
    [
        claimed("train-0", "gpu-0", driver="compute-domain.nvidia.com"),
        claimed("train-0", "gpu-0-mig-1g10gb-19-0"),
        claimed(
            "train-0",
            cdi=[f"k8s.gpu.nvidia.com/claim={UID}-gpu-0-mig-19-0-1", "other.example.com/device=gpu-0"],
        ),
    ],
    ids=["another driver's", "a slice", "a slice and another driver's, for the runtime"],
)
def test_no_whole_gpu_is_said_to_be_a_pods_that_was_given_something_else(exporter, kubelet, answer):
    kubelet.answer = answer
    page = exporter([Gpu("GPU-0")], Kubelet(kubelet.socket)).metrics()
    assert [labels for labels, _ in page.all("DCGM_FI_DEV_FB_USED") if "pod" in labels] == []
    assert page.one("runyard_gpu_pods_up", source="kubelet", reason="") == 1


def test_a_shared_gpu_is_told_once_for_each_of_its_users(exporter, kubelet):
    kubelet.answer = given("one", "GPU-0::0") + given("two", "GPU-0::1")
    page = exporter([Gpu("GPU-0", utilisation=30)], Kubelet(kubelet.socket)).metrics()
    found = {(labels["pod"], labels["vgpu"]): value for labels, value in page.all("DCGM_FI_DEV_GPU_UTIL")}
    assert found == {("one", "0"): 30, ("two", "1"): 30}


def test_a_kubelet_that_goes_away_takes_its_names_along_and_is_told(exporter, kubelet):
    kubelet.answer = given("train-0", "GPU-0")
    asked = exporter([Gpu("GPU-0")], Kubelet(kubelet.socket))
    assert asked.metrics().all("DCGM_FI_DEV_GPU_UTIL", pod="train-0")
    for answer in (grpc.StatusCode.UNAVAILABLE, b"\x0a\xff\xff nonsense"):
        kubelet.answer = answer
        page = asked.metrics()
        assert page.one("runyard_gpu_pods_up", reason="unreachable") == 0
        assert page.all("DCGM_FI_DEV_GPU_UTIL")
        assert not page.all("DCGM_FI_DEV_GPU_UTIL", pod="train-0")
    kubelet.answer = given("train-1", "GPU-0")
    assert asked.metrics().all("DCGM_FI_DEV_GPU_UTIL", pod="train-1")


@contextmanager
def hanging_up(path):
    """A socket at `path` that hangs up on whoever comes; a list that grows with each."""
    came = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        door.settimeout(0.05)
        over = threading.Event()

        def receive():
            while not over.is_set():
                with suppress(TimeoutError):
                    door.accept()[0].close()
                    came.append(path)

        receiving = threading.Thread(target=receive)
        receiving.start()
        try:
            yield came
        finally:
            over.set()
            receiving.join()
            os.unlink(path)


def test_a_kubelet_that_was_away_is_knocked_at_often_and_believed_once_it_is_back(kubelet, monkeypatch):
    """By itself gRPC knocks ever less often, nine times in the first 90 s: up to two minutes lie between."""
    assert pods.RECONNECT_MS <= 5000
    monkeypatch.setattr(pods, "RECONNECT_MS", 250)
    kubelet.answer = given("train-0", "GPU-0")
    known = Attribution(Kubelet(kubelet.socket))
    monkeypatch.setattr(pods, "FRESH_SECONDS", -1.0)
    assert known.now().holders
    kubelet.stop()
    with hanging_up(kubelet.socket) as came:
        ends = time.monotonic() + 90
        while len(came) < 12:
            assert time.monotonic() < ends, f"it came {len(came)} times only"
            assert known.now() == Known("kubelet", "unreachable")
            time.sleep(0.02)
    kubelet.start()
    kubelet.answer = given("train-1", "GPU-0")
    ends = time.monotonic() + 90
    while not (found := known.now()).holders:
        assert time.monotonic() < ends, found
        time.sleep(0.02)
    assert found == Known("kubelet", "", {"GPU-0": [Holder("red", "train-1", "main")]})


def test_scrapes_at_once_share_the_kubelets_answer(exporter, kubelet, monkeypatch):
    monkeypatch.setattr(pods, "FRESH_SECONDS", 3600.0)
    monkeypatch.setattr(fleet, "FRESH_SECONDS", 3600.0)
    kubelet.answer = given("train-0", "GPU-0")
    asked = exporter([Gpu("GPU-0")], Kubelet(kubelet.socket))
    with futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: asked.metrics(), range(16)))
    assert all(page.all("DCGM_FI_DEV_GPU_UTIL", pod="train-0") for page in pages)
    assert kubelet.asked == 1


def test_an_answer_cut_off_anywhere_is_refused_or_read_in_part():
    whole = given("train-0", "GPU-0", "GPU-1")
    assert wire.holders(whole) == {uuid: [Holder("red", "train-0", "main")] for uuid in ("GPU-0", "GPU-1")}
    for end in range(1, len(whole)):
        with pytest.raises(ValueError):
            wire.holders(whole[:end])


def test_the_embedded_cluster_tells_pods_with_their_uids_past_any_proxy(exporter, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    devices = [{"resourceName": "nvidia.com/gpu", "deviceIds": ["GPU-0"]}]
    container = {"name": "main", "devices": devices}
    pod = {"name": "train-0", "namespace": "red", "uid": UID, "containers": [container]}
    pages = {
        "/api/v1/nodes": {"items": [{"metadata": {"name": "n1"}}]},
        "/api/v1/nodes/n1/proxy/podresources": {"podResources": [pod]},
    }

    class Api(BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == "Bearer secret"
            body = json.dumps(pages[self.path]).encode() if known else b""
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    api = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
    kubeconfig = tmp_path / "kubeconfig"
    server = {"server": f"http://127.0.0.1:{api.server_address[1]}"}
    config = {"clusters": [{"cluster": server}], "users": [{"user": {"token": "secret"}}]}
    kubeconfig.write_text(json.dumps(config))
    asked = exporter([Gpu("GPU-0", processes={os.getpid(): GIB})], EmbeddedNode(kubeconfig))
    try:
        page = asked.metrics()
    finally:
        api.shutdown()
        api.server_close()
    (labels, _), *_ = page.all("DCGM_FI_DEV_GPU_UTIL")
    assert (labels["pod"], labels["pod_uid"]) == ("train-0", UID)
    assert asked.metrics().one("runyard_gpu_pods_up", source="embedded cluster", reason="unreachable") == 0


def write_process(proc, pid, parent, cgroup="0::/user.slice\n", environ=b"A=b\0"):
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "cgroup").write_text(cgroup)
    (folder / "environ").write_bytes(environ)
    (folder / "stat").write_text(f"{pid} (a ) b) S {parent} 1 1")


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/cri-containerd-abc.scope\n",
        f"12:memory:/kubepods/burstable/pod{UID}/abc\n11:cpu:/kubepods/burstable/pod{UID}/abc\n",
    ],
)
def test_a_process_of_a_real_node_is_known_by_its_cgroup(tmp_path, cgroup):
    write_process(tmp_path, 10, 1, cgroup)
    assert owner_of(10, tmp_path) == Owner(UID)


def test_a_process_of_the_embedded_cluster_is_known_by_its_mark_or_its_parents(tmp_path):
    write_process(tmp_path, 10, 1, environ=f"A=b\0LOCALCLUSTER_CONTAINER={UID}/main/0\0".encode())
    write_process(tmp_path, 11, 10, environ=b"")
    write_process(tmp_path, 12, 11)
    write_process(tmp_path, 20, 0)
    assert owner_of(12, tmp_path) == Owner(UID, "main")
    assert owner_of(20, tmp_path) is None
    assert owner_of(999, tmp_path) is None


def test_figures_of_a_process_carry_its_pod(exporter, kubelet, monkeypatch):
    from metrics.exporter import serving

    kubelet.answer = given("one", "GPU-0") + given("two", "GPU-1::0") + given("three", "GPU-1::1")
    monkeypatch.setattr(serving, "owner_of", lambda pid: {10: Owner(UID), 20: Owner(UID)}.get(pid))
    gpus = [Gpu("GPU-0", processes={10: GIB}), Gpu("GPU-1", processes={20: GIB, 30: GIB})]
    page = exporter(gpus, Kubelet(kubelet.socket)).metrics()
    by_pid = {labels["pid"]: labels for labels, _ in page.all("runyard_gpu_process_memory_bytes")}
    assert (by_pid["10"]["pod"], by_pid["10"]["pod_uid"]) == ("one", UID)
    assert by_pid["20"]["pod_uid"] == UID
    assert "pod" not in by_pid["20"]  # of two users of the GPU, which of them cannot be told
    assert "pod_uid" not in by_pid["30"]
