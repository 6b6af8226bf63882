"""API servers that answer as they are told, over HTTP or TLS, and kubeconfigs that lead to them."""

import ipaddress
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runyard.doctor.examining import examine

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def node(name, gpus=0, ready=True):
    return {
        "metadata": {"name": name, "uid": name},
        "status": {
            "allocatable": {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": str(gpus)},
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


class Api:
    """Answers `paths`: an object, bytes, a status (an int) or a function of the handler.

    A sound cluster of one node with 8 GPUs at first; `refuses(verb, resource, namespace)` is what we may not.
    """

    def __init__(self):
        self.paths = {
            "/version": {"gitVersion": "v1.34.2"},
            "/apis": {"groups": []},
            "/api/v1/nodes": {"metadata": {}, "items": [node("n1", gpus=8)]},
            "/api/v1/services": {"items": []},
            "/api/v1/pods": {"items": []},
            "/api/v1/nodes/n1/proxy/metrics/cadvisor": b"",
        }
        self.refuses = lambda verb, resource, namespace: False
        self.username, self.asked, self.date = "system:serviceaccount:ops:yard", [], None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that do not like our certificate go away
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serves(self, **groups):
        """API groups with their versions; `_` stands for `.` in a name and `__` for `-`."""
        every = {name.replace("__", "-").replace("_", "."): versions for name, versions in groups.items()}
        self.paths["/apis"] = {
            "groups": [
                {"name": name, "versions": [{"version": one} for one in versions]}
                for name, versions in every.items()
            ]
        }

    def review(self, body):
        asked = body["spec"]["resourceAttributes"]
        below = asked.get("subresource")
        resource = f"{asked['resource']}/{below}" if below else asked["resource"]
        self.asked.append((asked["verb"], resource, asked["namespace"]))
        return {"status": {"allowed": not self.refuses(*self.asked[-1])}}

    def speak_tls(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        plain = self.server.socket
        self.server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.url = self.url.replace("http:", "https:")


def _handler(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(api.paths.get(self.path, api.paths.get(self.path.partition("?")[0], 404)))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = api.paths.get(self.path)
            if told is None:
                who = {"status": {"userInfo": {"username": api.username}}}
                told = who if self.path == WHO_AM_I else api.review(body)
            self.answer(told)

        def answer(self, told):
            if callable(told):
                return told(self)
            status, body = (told, b"{}") if isinstance(told, int) else (200, told)
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp=None):
            return api.date or super().date_time_string(timestamp)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def api():
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


@pytest.fixture
def kubeconfig(tmp_path):
    """`kubeconfig(url, **cluster)`: the path of one with a token."""

    def write(url, **cluster):
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "users": [{"name": "me", "user": {"token": "secret"}}],
            "clusters": [{"name": "it", "cluster": {"server": url, **cluster}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
            "current-context": "it",
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return str(path)

    return write


@pytest.fixture
def diagnosis(api, kubeconfig):
    """`diagnosis(**options)` of `api` as it is now."""
    return lambda **options: examine(kubeconfig(api.url), **options)


@pytest.fixture
def certificate(tmp_path):
    """`certificate(host, days)`: the files of a CA, a certificate valid for `days` more, its key."""

    def make(host="127.0.0.1", days=1.0, begins=None):
        key, issuer = ec.generate_private_key(ec.SECP256R1()), _name("the authority")
        begins = begins or datetime.now(UTC) - timedelta(days=2)
        authority = _builder(issuer, issuer, key, begins, datetime.now(UTC) + timedelta(days=9))
        authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        ends = datetime.now(UTC) + timedelta(days=days)
        serving = _builder(_name("server"), issuer, key, begins, ends).add_extension(address, critical=False)
        files = {"ca": authority, "server": serving}
        for name, builder in files.items():
            pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            (tmp_path / f"{name}.crt").write_bytes(pem)
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        (tmp_path / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return str(tmp_path / "ca.crt"), str(tmp_path / "server.crt"), str(tmp_path / "key")

    return make


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject, issuer, key, begins, ends):
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    dated = named.not_valid_before(begins).not_valid_after(ends)
    identified = dated.public_key(key.public_key()).serial_number(x509.random_serial_number())
    ours = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return identified.add_extension(ours, critical=False).add_extension(theirs, critical=False)
