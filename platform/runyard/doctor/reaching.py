"""Whether the API server can be reached and is one: its address, TLS, version and clock.

Where it is not, that is the one problem found, and nothing else can be looked at.
"""

import re
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import msgspec
import urllib3

from runyard.clusters.connection import ApiError, ClusterError
from runyard.clusters.unreached import ADDRESS, shown, why
from runyard.doctor.findings import Finding, fine, problem, warning
from runyard.doctor.visit import ANSWER_SECONDS, NoApi, Visit, decoded

ABOUT = "API server"
#: Minor versions of Kubernetes: older ones lack what we rely on, newer ones were never tried.
OLDEST, NEWEST = (1, 28), (1, 36)
TRIED = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
SKEW_SECONDS = 10.0
LARGEST = 2**16


class _Version(msgspec.Struct):
    gitVersion: str


class _Elsewhere(Exception):
    """It redirects; `str()` says where to."""


def reach(visit: Visit) -> Iterator[Finding]:
    """One problem; or findings about its address, version and clock."""
    access = visit.connection.access()
    where = shown(access.url)
    began = time.time()
    try:
        body, date = _first_answer(visit)
        version = decoded(body, _Version).gitVersion
    except ApiError as error:
        yield problem(ABOUT, *_refused(where, error))
    except _Elsewhere as there:
        yield problem(ABOUT, f"{where} sends us elsewhere, to {there}.", f"{ADDRESS}.")
    except NoApi as error:
        yield problem(ABOUT, f"What answers at {where} is no Kubernetes API: {error}.", f"{ADDRESS}.")
    except (ClusterError, urllib3.exceptions.HTTPError, OSError) as error:
        yield problem(ABOUT, *why(where, error))
    else:
        yield _reached(where, access.tls)
        yield _version(version)
        yield from _clock(date, began, time.time())


def _first_answer(visit: Visit) -> tuple[bytes, str]:
    """The body of /version and the time that the server says it is."""
    response = visit.connection.request("GET", "/version", read_seconds=ANSWER_SECONDS)
    with response:
        if 300 <= response.status < 400:
            raise _Elsewhere(response.headers.get("Location", "")[:100])
        return response.read(LARGEST), response.headers.get("Date", "")


def _reached(where: str, tls: ssl.SSLContext | None) -> Finding:
    if tls is None:
        if re.match(r"http://(127\.|localhost|\[::1\])", where):
            return fine(ABOUT, f"{where} answers, on this machine.")
        advice = "Use its https:// address: others on the way can read our token."
        return warning(ABOUT, f"{where} answers, without encryption.", advice)
    if tls.verify_mode is not ssl.CERT_REQUIRED:
        advice = "Put its `certificate-authority-data` in place of `insecure-skip-tls-verify`."
        return warning(ABOUT, f"{where} answers, but nobody checks that it is the right server.", advice)
    return fine(ABOUT, f"{where} answers, and its certificate is right.")


def _refused(where: str, error: ApiError) -> tuple[str, str]:
    if error.code == 401:
        says = f"{where} does not know us (401): the token or client certificate is wrong or has expired."
        return (
            says,
            "Make a new one; for the account of `runyard rbac`: kubectl create token runyard -n runyard.",
        )
    if error.code == 403:
        return f"{where} refuses us even its version (403): {error}.", "Grant what `runyard rbac` prints."
    if error.code == 404:
        return f"There is no Kubernetes API at {where} (404).", f"{ADDRESS}, and the path in it."
    return f"{where} cannot answer ({error.code}): {error}.", "See how it does, and ask again."


def _version(told: str) -> Finding:
    found = re.match(r"v(\d+)\.(\d+)", told)
    if not found:
        return warning("version", f"It says {told[:40]!r}.", f"Runyard is for Kubernetes {TRIED}.")
    number = int(found[1]), int(found[2])
    if number < OLDEST:
        return problem("version", f"Kubernetes {told} is too old.", f"Upgrade it: Runyard is for {TRIED}.")
    if number > NEWEST:
        return warning("version", f"Kubernetes {told}: nobody tried it.", f"Runyard is for {TRIED}.")
    return fine("version", f"Kubernetes {told}.")


def _clock(date: str, began: float, ended: float) -> Iterator[Finding]:
    """The server's clock, known to a second and the time that the answer took."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return  # it does not say
    ahead = max(theirs - ended, 0.0) or min(theirs + 1 - began, 0.0)
    if abs(ahead) < SKEW_SECONDS:
        yield fine("clock", "Its clock and this machine's agree.")
    else:
        says = f"It is {abs(ahead):,.0f} seconds {'ahead of' if ahead > 0 else 'behind'} this machine's."
        yield warning("clock", says, "Run NTP on both: ages are wrong, and tokens may be refused.")
