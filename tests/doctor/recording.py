"""A wire-tap before an API server: passes every byte on, and notes what was asked as RBAC sees it."""

import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runyard.clusters.rights import URLS

#: Anywhere in a line: the body before it need not end with one.
_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/\S*) HTTP/1\.1\r\n")
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_RESOURCE = re.compile(
    r"/api(?:s/(?P<group>[^/]+))?/[^/]+(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<below>[^/]+))?)?"
)
#: What every signed-in user may ask (the role system:basic-user).
BASIC = frozenset({"selfsubjectaccessreviews", "selfsubjectreviews"})


@dataclass(frozen=True)
class Asked:
    """A request as the authorizer sees it; `namespace` is empty for the whole cluster."""

    verb: str
    group: str
    resource: str
    namespace: str


def asked_of(method, path):
    """What RBAC would be asked, or the path itself where it is of no resource; None for what anybody may."""
    path, _, query = path.partition("?")
    if path in URLS:
        return path
    found = _RESOURCE.match(path)
    assert found, path
    if found["plural"] in BASIC:
        return None
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not found["name"]:
        verb = "watch" if "watch=" in query else "list"
    resource = found["plural"] + (f"/{found['below']}" if found["below"] else "")
    return Asked(verb, found["group"] or "", resource, found["namespace"] or "")


class Recorder:
    """Listens on a port of its own; `asked` is the set of what came by."""

    def __init__(self, port):
        self.asked, self._behind = set(), port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source, target, note):
        rest = b""
        with suppress(OSError):
            while chunk := source.recv(65_536):
                if note:
                    rest = self._note(rest + chunk)
                target.sendall(chunk)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _note(self, text):
        """Notes the request lines; what of it has to be looked at again with more."""
        for method, path in _LINE.findall(text):
            self.asked.add(asked_of(method.decode(), path.decode()))
        return text[text.rfind(b"\n") + 1 :]

    def close(self):
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def recorded(cluster, folder):
    """A recorder before an embedded cluster, and the path of a kubeconfig that leads through it."""
    recorder = Recorder(cluster.port)
    path = folder / "recorded-kubeconfig"
    path.write_text(Path(cluster.kubeconfig).read_text().replace(f":{cluster.port}", f":{recorder.port}"))
    try:
        yield recorder, str(path)
    finally:
        recorder.close()
