"""What a kubeconfig says of the way to its cluster: address, credentials, TLS, proxy. Used by `connection`.

`Access` is the same for streams that other clients than the official one carry.
"""

import re
import socket
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from kubernetes.client import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger
from urllib3.connection import HTTPConnection
from urllib3.util import make_headers

#: A peer that is gone without a word is noticed after about a minute, however silent the stream.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]

_THIS_MACHINE = re.compile(r"https?://(127\.[0-9.]+|localhost|\[::1\])(:|/|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Access:
    """A server's URL without a slash at its end, and what lets one in; `tls` is None for plain HTTP.

    `server_name` is the one in its certificate where that is not the URL's; `proxy` the URL of an HTTP proxy.
    """

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None


def configuration(kubeconfig: str, context: str) -> tuple[Configuration, datetime | None]:
    """Of the official client, and until when a plugin's certificate is good. Raises ValueError, in words."""
    if not Path(kubeconfig).is_file():
        raise ValueError(f"There is no kubeconfig at {kubeconfig}.")
    settings = Configuration()
    settings.socket_options = [*HTTPConnection.default_socket_options, *KEEP_ALIVE]
    settings.connection_pool_maxsize = 64  # idle ones are kept; watches and logs hold one each
    try:
        _read(Path(kubeconfig))
        merged = KubeConfigMerger(kubeconfig).config
        loader = KubeConfigLoader(merged, context or None, config_base_path=None)
        loader.load_and_set(settings)
        _mind_proxy(settings, named=hasattr(loader, "proxy"))
    except Exception as error:  # the loader raises whatever YAML, base64 or a missing key raise
        raise ValueError(f"The kubeconfig {kubeconfig} cannot be used: {_words_of(error)}") from error
    if not settings.host.startswith("https:"):
        settings.tls_server_name = None
    return settings, None if hasattr(loader, "token") else getattr(loader, "expiry", None)


def _read(kubeconfig: Path) -> None:
    """Raises ValueError, in words, for a file that is none at all: what the loader says of it is no help."""
    try:
        found = yaml.safe_load(kubeconfig.read_text())
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise ValueError("it is no text") from error
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"it is no YAML: {error.problem}{line}") from error
    if not isinstance(found, dict) or "clusters" not in found:
        raise ValueError("it names no clusters")


def _mind_proxy(settings: Configuration, *, named: bool) -> None:
    """The official client leaves out a proxy's account. Raises ValueError for what is no HTTP proxy.

    One that the kubeconfig has not `named` is the environment's, whose proxies are not for this machine.
    """
    if not named and _THIS_MACHINE.match(settings.host):
        settings.proxy = None
    if not settings.proxy or _passed_by(settings):
        return
    proxy = urlsplit(settings.proxy)
    if proxy.scheme not in ("http", "https") or not proxy.hostname:
        raise ValueError(f"its proxy-url must be one of http or https, not {proxy.scheme or 'nothing'}")
    if proxy.username:
        account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        settings.proxy_headers = make_headers(proxy_basic_auth=account)


def _passed_by(settings: Configuration) -> bool:
    return should_bypass_proxies(settings.host, settings.no_proxy or "")


def access_of(settings: Configuration, headers: dict[str, str]) -> Access:
    """The way that the official client goes with `settings`. Raises ValueError, in words."""
    return Access(
        settings.host.rstrip("/"),
        headers,
        _tls(settings) if settings.host.startswith("https:") else None,
        settings.tls_server_name,
        None if _passed_by(settings) else settings.proxy,
    )


class _Tls(ssl.SSLContext):
    """For a cluster, and for its proxy where it has one: `of_proxy`, by name, which shows no certificate."""

    of_proxy: tuple[str, ssl.SSLContext] | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """The client takes one context for both."""
        wrap = super().wrap_bio
        if self.of_proxy and self.of_proxy[0] == server_hostname:
            wrap = self.of_proxy[1].wrap_bio
        return wrap(incoming, outgoing, server_side, server_hostname, session)


def _tls(settings: Configuration) -> ssl.SSLContext:
    """The same one until a file changes: connections are kept by it."""
    files = (settings.ssl_ca_cert, settings.cert_file, settings.key_file)
    names, proxy = settings.assert_hostname is not False, urlsplit(settings.proxy or "")
    try:
        stamps = tuple(Path(file).stat().st_mtime for file in files if file)
        of_proxy = proxy.hostname if proxy.scheme == "https" else None
        if of_proxy == (settings.tls_server_name or urlsplit(settings.host).hostname):
            of_proxy = None  # by name they cannot be told apart, and the cluster has to see who we are
        return _made_of(files, bool(settings.verify_ssl), names, stamps, of_proxy)
    except OSError as error:  # those of TLS are such too
        raise ValueError(f"The certificates of the kubeconfig cannot be used: {_words_of(error)}") from error


@lru_cache(maxsize=64)
def _made_of(
    files: tuple[str | None, ...],
    verify: bool,
    names: bool,
    stamps: tuple[float, ...],
    proxy: str | None = None,
) -> ssl.SSLContext:
    authority, certificate, key = files
    found = _Tls(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        found.load_verify_locations(authority)
    else:
        found.load_default_certs()
    found.check_hostname = verify and names
    found.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if certificate:
        found.load_cert_chain(certificate, key)
    if proxy:
        found.of_proxy = proxy, _made_of((authority, None, None), verify, True, stamps)
    return found


def _words_of(error: BaseException) -> str:
    """The innermost cause, in a line."""
    reason = getattr(error, "reason", None) or error
    return str(reason).split("\n")[0][:300]
