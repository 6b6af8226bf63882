"""Why an API server could not be reached, by the causes of an error; in words with what to do. Pure."""

import errno
import ssl
from collections.abc import Iterator

import urllib3

ADDRESS = "Check `server:` in the kubeconfig; `kubectl cluster-info` shows the address that it should be"
#: Numbers of OpenSSL's X509_V_ERR_ -> what is wrong with "the certificate of X", and what to do.
_NO_AUTHORITY = (
    "is signed by an authority that the kubeconfig does not name",
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


def why(where: str, error: BaseException) -> tuple[str, str]:
    """What is wrong with the way to `where`, a URL, and what to do."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = f"is not accepted: {cause.verify_message}", "Renew it."
            says, advice = _CERTIFICATES.get(cause.verify_code, said)
            return f"The certificate of {where} {says}.", advice
    if _any(causes, urllib3.exceptions.NameResolutionError):
        return f"Nobody knows the host of {where}.", f"{ADDRESS}; or a VPN is off."
    if any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in causes):
        return f"Nothing listens at {where}.", f"{ADDRESS}; or the cluster is off."
    if _any(causes, ssl.SSLError):
        return f"{where} speaks no TLS that we understand.", f"{ADDRESS}, http or https."
    if _any(causes, urllib3.exceptions.TimeoutError, TimeoutError):
        return f"{where} does not answer in time.", "Look for a firewall, a proxy, or a VPN that is off."
    return f"{where}: {error}", f"{ADDRESS}."


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
