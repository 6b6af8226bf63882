"""A program signs in as docs/api.md shows: its lines as they stand there, over http and behind TLS."""

import ipaddress
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runyardctl.postgres import Postgres
from tests.embedded import free_port, until
from tests.product import Api, Up

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ADDRESS, WORKLOAD = "RUNYARD=http://127.0.0.1:8000", "workloads/17/"


def lines(address: str, workload: int) -> str:
    """Those of the page, with another address and another workload in them."""
    text = re.search(r"## Signing in\n.*?```\n(.*?)```", PAGE.read_text(), re.S)[1]
    assert text.count(ADDRESS) == text.count(WORKLOAD) == 1
    return text.replace(ADDRESS, f"RUNYARD={address}").replace(WORKLOAD, f"workloads/{workload}/")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runyard")]),
    )
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    dated = x509.CertificateBuilder().not_valid_before(datetime.now(UTC) - timedelta(days=1))
    named = dated.not_valid_after(datetime.now(UTC) + timedelta(days=1)).subject_name(name).issuer_name(name)
    whole = named.public_key(key.public_key()).serial_number(1).add_extension(here, critical=True)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files = folder / "server.crt", folder / "server.key"
    files[0].write_bytes(whole.sign(key, hashes.SHA256()).public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files


class Terminator(BaseHTTPRequestHandler):
    """What ends TLS before a web server: passes on what is asked, and says that it came over https."""

    web: int  # the port of the web server

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        web = HTTPConnection("127.0.0.1", self.web, timeout=60)
        web.request(self.command, self.path, body, dict(self.headers) | {"X-Forwarded-Proto": "https"})
        answer = web.getresponse()
        said = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        web.close()

    do_GET = do_POST = pass_on

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def ending_tls(web: int, files: tuple[Path, Path], port: int) -> Iterator[None]:
    handler = type("Handler", (Terminator,), {"web": web})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def in_production(product: Up, port: int, origin: str) -> Iterator[None]:
    """A web server of production on the database of `product`, for people at `origin`."""
    settings = {
        "RUNYARD_MODE": "production",
        "RUNYARD_HOME": str(product.home),
        "RUNYARD_SECRET_KEY": "only-for-this-test-" + "x" * 50,
        "RUNYARD_ALLOWED_HOSTS": "127.0.0.1",
        "RUNYARD_ORIGINS": origin,
        "RUNYARD_DATABASE_URL": Postgres(product.home).url,
        "RUNYARD_REDIS_URL": f"unix://{product.home}/run/valkey.sock",
    }
    argv = [sys.executable, "-m", "uvicorn", "runyard.asgi:application", "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    with (product.home / "production.log").open("wb") as log:
        web = subprocess.Popen(argv, env=clean | settings, stdout=log, stderr=subprocess.STDOUT)
    try:
        assert until(lambda: web.poll() is not None or answers(port), 120)
        assert web.poll() is None, (product.home / "production.log").read_text()
        yield
    finally:
        web.terminate()
        web.wait(60)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/sign-in/").status_code < 500
    except httpx.TransportError:
        return False


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Those of JSON in `text`, one right after the other."""
    while text := text.strip():
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]


@pytest.fixture(params=["http", "https"])
def address(request: pytest.FixtureRequest, product: Up, tmp_path: Path) -> Iterator[str]:
    """Where the product is to be found; over https its certificate is at `tmp_path`."""
    if request.param == "http":
        yield product.url
        return
    web, port = free_port(), free_port()
    origin = f"https://127.0.0.1:{port}"
    with in_production(product, web, origin), ending_tls(web, self_signed(tmp_path), port):
        yield origin


def test_the_lines_of_the_page_sign_in_submit_stop_and_sign_out(
    address: str, api: Api, password: str, tmp_path: Path
) -> None:
    scheme = address.partition(":")[0]
    pk = api.submit(f"over-{scheme}", "sleep 600")
    script = lines(address, pk).replace('"name": "hello"', f'"name": "hello-{scheme}"')
    then = "set +e; echo; api $RUNYARD/api/v1/workloads; echo; stat -c %a session; awk '{print $6}' session"
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{script}\n{then}"],
        cwd=tmp_path,
        env=os.environ | {"CURL_CA_BUNDLE": str(tmp_path / "server.crt"), "no_proxy": "*"},
        input=f"admin\n{password}\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, refusal, mode, *names = done.stdout.splitlines()
    listed, made, stopped = objects(said)
    assert listed == {"workloads": [], "next": None}, "none of them has eight GPUs"
    assert (made["name"], made["submitted_through"]) == (f"hello-{scheme}", "api")
    assert stopped["id"] == pk
    api.wait(pk, "Stopped")
    assert json.loads(refusal)["code"] == "not_authenticated", "the session is no more, its file still there"
    prefix = "__Host-" if scheme == "https" else ""
    assert {f"{prefix}runyard_session", f"{prefix}runyard_csrf"} <= set(names)
    assert mode == "600"
    for workload in (pk, made["id"]):
        api.delete(workload)
