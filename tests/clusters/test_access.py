"""What a kubeconfig says of the way: names in certificates, proxies, certificates of plugins."""

import http.server
import json
import socket
import socketserver
import ssl
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runyard.clusters.connection import Unreachable, connect
from runyard.clusters.models import Cluster
from runyard.connect import upstream
from runyard.connect.targets import Target

NAME, ANSWER = "kube.internal", b'{"metadata": {"name": "default"}}'
LATER = timedelta(hours=1)
HOST = x509.DNSName(NAME)


class Papers:
    """A certificate for NAME, or another, that vouches for itself, and its key, as files."""

    def __init__(self, folder, at=HOST, until=LATER):
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(at.value))])
        made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - 2 * LATER, now + until)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([at]), critical=False)
        form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
        self.key.write_bytes(key.private_bytes(pem, form, bare))


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.shown.append(self.connection.getpeercert())
        self.send_response(200)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *words):
        pass


class Proxying(socketserver.StreamRequestHandler):
    """One CONNECT, noted in `server.asked`, and what is said through it."""

    def handle(self):
        line, account = self.rfile.readline().decode(), ""
        self.server.shown.append(getattr(self.connection, "getpeercert", lambda: None)())
        while header := self.rfile.readline().strip().decode():
            if header.lower().startswith("proxy-authorization:"):
                account = header.partition(":")[2].strip()
        self.server.asked.append((line.split()[1], account))
        host, port = line.split()[1].split(":")
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection((host, int(port))) as there:
            back = threading.Thread(target=_pour, args=(there, self.connection), daemon=True)
            back.start()
            _pour(self.connection, there)
            back.join(10)


def _pour(source, sink):
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def running(server):
    server.daemon_threads, server.asked, server.shown = True, [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def papers(tmp_path):
    return Papers(tmp_path)


@contextmanager
def serving(papers):
    """A server that has those papers, and knows them when it is shown them."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(papers.certificate, papers.key)
    tls.load_verify_locations(papers.certificate)
    tls.verify_mode = ssl.CERT_OPTIONAL
    with running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        yield server


@pytest.fixture
def api(papers):
    with serving(papers) as server:
        yield server


@pytest.fixture
def port(api):
    return api.server_address[1]


@pytest.fixture
def proxy():
    with running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxying)) as server:
        yield server


@pytest.fixture
def cluster(tmp_path, papers, port):
    """`cluster(**more)`: that server by a kubeconfig that says `more` of it; `user` says who we are."""

    def made(user=None, file="kubeconfig", **more):
        server = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(papers.certificate)}
        config = {
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "clusters": [{"name": "a", "cluster": server | more}],
            "users": [{"name": "a", "user": user or {"token": "t"}}],
        }
        path = tmp_path / file
        path.write_text(yaml.safe_dump(config))
        return Cluster(name="a", kubeconfig=str(path))

    return made


async def _through_the_door(cluster):
    """What the door's own client is answered."""
    target = Target(connect(cluster).access())
    try:
        async with upstream.client().get(f"{target.base}/x", **upstream.way(target, [])) as answer:
            return await answer.read()
    finally:
        await upstream.close()


def test_a_certificate_for_another_name_is_refused(cluster, port):
    says = f"the certificate of https://127.0.0.1:{port} is for another name; use an address that the"
    with pytest.raises(Unreachable, match=f"^The cluster does not answer: {says}"):
        connect(cluster()).read("GET", "/x")


def test_a_certificate_of_an_authority_that_nobody_named_is_refused(cluster, tmp_path):
    (other := tmp_path / "other").mkdir()
    named = cluster(**{"certificate-authority": str(Papers(other).certificate), "tls-server-name": NAME})
    with pytest.raises(Unreachable, match="signed by an authority that is not known here; put"):
        connect(named).read("GET", "/x")


def test_a_certificate_that_has_expired_is_refused(cluster, tmp_path):
    (old := tmp_path / "old").mkdir()
    papers = Papers(old, until=-LATER)
    named = {"certificate-authority": str(papers.certificate), "tls-server-name": NAME}
    with serving(papers) as server:
        address = f"https://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(Unreachable, match=f"the certificate of {address} has expired; renew it"):
            connect(cluster(server=address, **named)).read("GET", "/x")


async def test_the_name_that_the_kubeconfig_gives_is_looked_for(cluster):
    named = cluster(**{"tls-server-name": NAME})
    assert connect(named).read("GET", "/x") == ANSWER
    assert await _through_the_door(named) == ANSWER


@pytest.mark.parametrize(("account", "sent"), [("", ""), ("me:p%40ss@", "Basic bWU6cEBzcw==")])
async def test_the_proxy_that_the_kubeconfig_gives_is_gone_through(cluster, proxy, port, account, sent):
    address = f"http://{account}127.0.0.1:{proxy.server_address[1]}"
    behind = cluster(**{"tls-server-name": NAME, "proxy-url": address})
    assert connect(behind).read("GET", "/x") == ANSWER
    assert proxy.asked == [(f"127.0.0.1:{port}", sent)]
    assert await _through_the_door(behind) == ANSWER
    assert proxy.asked == [(f"127.0.0.1:{port}", sent)] * 2


async def test_a_proxy_with_a_certificate_is_not_shown_ours(cluster, proxy, papers, api, port, tmp_path):
    (folder := tmp_path / "proxy").mkdir()
    its, both = Papers(folder, x509.IPAddress(ip_address("127.0.0.1"))), tmp_path / "both.pem"
    both.write_bytes(papers.certificate.read_bytes() + its.certificate.read_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(its.certificate, its.key)
    tls.load_verify_locations(papers.certificate)
    tls.verify_mode = ssl.CERT_OPTIONAL
    proxy.socket = tls.wrap_socket(proxy.socket, server_side=True)
    user = {"client-certificate": str(papers.certificate), "client-key": str(papers.key)}
    way = {"proxy-url": f"https://127.0.0.1:{proxy.server_address[1]}", "certificate-authority": str(both)}
    behind = cluster(user, **{"tls-server-name": NAME}, **way)
    assert connect(behind).read("GET", "/x") == ANSWER
    assert await _through_the_door(behind) == ANSWER
    assert [address for address, _ in proxy.asked] == [f"127.0.0.1:{port}"] * 2
    assert [bool(shown) for shown in (*proxy.shown, *api.shown)] == [False, False, True, True]


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "proxy:3128", "http://"])
def test_a_proxy_that_we_cannot_go_through_is_named(cluster, address):
    with pytest.raises(Unreachable, match="proxy-url must be one of http or https"):
        connect(cluster(**{"proxy-url": address}))


async def test_a_proxy_of_the_environment_hears_nothing_of_this_machine(cluster, proxy, monkeypatch):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
    here = cluster(**{"tls-server-name": NAME})
    assert connect(here).read("GET", "/x") == ANSWER
    assert await _through_the_door(here) == ANSWER
    assert proxy.asked == []


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "proxy:3128"])
def test_a_proxy_that_is_passed_by_need_be_none_of_ours(cluster, monkeypatch, address):
    monkeypatch.setenv("https_proxy", address)
    monkeypatch.setenv("no_proxy", "10.0.0.0/8")
    away = cluster(server="https://10.0.0.1:6443")
    assert connect(away).access().proxy is None


PLUGIN = """
import json, pathlib, sys
count = pathlib.Path({count!r}); count.write_text(count.read_text() + "x")
certificate, key = (pathlib.Path(file).read_text() for file in {files!r})
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{
    "clientCertificateData": certificate, "clientKeyData": key, "expirationTimestamp": {until!r}}}}}))
"""


@pytest.mark.parametrize(("until", "asked"), [(LATER, 1), (-LATER, 2)])
def test_a_plugins_certificate_is_asked_for_again_once_it_has_expired(
    cluster, papers, tmp_path, until, asked
):
    count, script = tmp_path / "count", tmp_path / "plugin.py"
    count.write_text("")
    files = (str(papers.certificate), str(papers.key))
    moment = (datetime.now(UTC) + until).strftime("%Y-%m-%dT%H:%M:%SZ")
    script.write_text(PLUGIN.format(count=str(count), files=files, until=moment))
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(script)],
    }
    user = {"exec": plugin | {"interactiveMode": "Never"}}
    found, other = cluster(user, **{"tls-server-name": NAME}), cluster(file="other")
    kept = connect(other)
    assert json.loads(connect(found).read("GET", "/x"))["metadata"]["name"] == "default"
    assert connect(found).access().tls is not None
    assert len(count.read_text()) == asked
    assert connect(other) is kept  # its open connections are none of that
