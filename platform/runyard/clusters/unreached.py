"""Why an API server could not be reached, by the causes of an error; in words with what to do. Pure.

What the libraries say themselves (names of classes, numbers of errors) never comes through.
Used by `connection`, by the doctor and by those who read streams of a cluster.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

from urllib3 import exceptions

ADDRESS = "Check `server:` in the kubeconfig (`kubectl cluster-info` shows what it should be)"
PROXY = "Check `proxy-url` in the kubeconfig, or HTTPS_PROXY where Runyard runs"
#: Numbers of OpenSSL's X509_V_ERR_ -> what is wrong with "the certificate of X", and what to do.
_NO_AUTHORITY = (
    "is signed by an authority that is not known here",
    "Put the cluster's CA into `certificate-authority-data` of the kubeconfig.",
)
_OTHER_NAME = (
    "is for another name",
    "Use an address that the certificate has, or set `tls-server-name` in the kubeconfig to one.",
)
_CERTIFICATES = {
    9: ("is not valid yet", "Set this machine's clock, or the cluster's."),
    10: ("has expired", "Renew it (kubeadm: `kubeadm certs renew all`), or set this machine's clock."),
    **dict.fromkeys((2, 18, 19, 20, 21), _NO_AUTHORITY),
    **dict.fromkeys((62, 64), _OTHER_NAME),
}
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
_CUT = (exceptions.IncompleteRead, IncompleteRead)
_CLOSED = (ConnectionError, RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)

Words = tuple[str, str]


def words(where: str, error: BaseException) -> str:
    """Both halves of `why` in a line, to follow a colon; without a stop at its end."""
    return "; ".join(map(_inside, why(where, error)))


def says(where: str, error: BaseException) -> str:
    """The first of them alone, for what has its address elsewhere than in a kubeconfig."""
    return _inside(why(where, error)[0])


def _inside(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:-1]


def why(where: str, error: BaseException) -> Words:
    """What is wrong with the way to `where`, a URL as `shown` or "it", and what to do: two sentences."""
    causes = list(_causes(error))
    place, address = where, ADDRESS
    if _any(causes, exceptions.ProxyError):
        place, address = f"the proxy on the way to {where}", PROXY
    found = _of_tls(causes, place, address) or _of_network(causes, place, address)
    says, advice = found or _of_answer(causes, place, address)
    return says[0].upper() + says[1:] if place != where else says, advice


def shown(url: str) -> str:
    """The address without what may be a password or a token in it: people pass on what they read."""
    parts = urlsplit(url)
    path = re.sub(r"[^/]{24,}", "…", parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def _of_tls(causes: list[BaseException], place: str, address: str) -> Words | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = (
                "is not accepted" + (f": {cause.verify_message}" if cause.verify_message else ""),
                "Renew it.",
            )
            says, advice = _CERTIFICATES.get(cause.verify_code, said)
            return f"The certificate of {place} {says}.", advice
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _CLOSED):
            if cause.library == "X509" or "PEM" in str(cause):
                return "The certificates of the kubeconfig cannot be read.", "Put whole PEM ones there."
            if "ALERT" in (cause.reason or ""):
                return (
                    f"{place} does not take our certificate, or our TLS.",
                    "Renew the client's certificate.",
                )
            return f"{place} speaks no TLS that we understand.", f"{address}, http or https."
    return None


def _of_network(causes: list[BaseException], place: str, address: str) -> Words | None:
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if _any(causes, exceptions.NameResolutionError, socket.gaierror):
        return f"Nobody knows the host of {place}.", f"{address}; or a VPN is off."
    if errno.ECONNREFUSED in numbers:
        return f"Nothing listens at {place}.", f"{address}, and that it runs."
    if numbers.intersection(_NO_WAY):
        return f"There is no way to {place} from here.", "Look for a VPN that is off, a route, or a firewall."
    if _any(causes, exceptions.TimeoutError, TimeoutError):
        return f"{place} does not answer in time.", "Look for a firewall, a proxy, or a VPN that is off."
    return None


def _of_answer(causes: list[BaseException], place: str, address: str) -> Words:
    refused = re.search(r"Tunnel connection failed: (\d{3})", " ".join(map(str, causes)))
    if refused and refused[1] == "407":
        return f"{place} asks who we are (407).", "Put a name and a password into its URL."
    if refused:
        return f"{place} does not let us through ({refused[1]}).", f"{address}, and what it allows."
    if _any(causes, *_CUT):
        return f"{place} closed the connection within its answer.", "Try again; then look at how it does."
    if _any(causes, *_CLOSED):
        return f"{place} closed the connection before it answered.", f"{address}; or it is about to restart."
    if _any(causes, exceptions.DecodeError):
        return f"{place} sent an answer that cannot be unpacked.", "Look for a proxy that changes answers."
    if _any(causes, BadStatusLine, exceptions.ProtocolError):
        return f"{place} speaks no HTTP.", f"{address}."
    return f"{place} cannot be asked.", f"{address}."


def _any(causes: list[BaseException], *types: type[BaseException]) -> bool:
    return any(isinstance(cause, types) for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that it came of: Python's chain, and what urllib3 wraps."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        one = queue.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
