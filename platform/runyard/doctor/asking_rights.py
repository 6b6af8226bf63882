"""Whether we have the rights that `clusters.rights` declares: the cluster itself is asked about each verb."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import msgspec

from runyard.clusters.connection import ApiError
from runyard.clusters.rights import Right, Use, rights, served
from runyard.doctor.findings import Finding, fine, problem, warning
from runyard.doctor.visit import ANSWER_SECONDS, Visit, decoded, listed

AT_ONCE = 8
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
NOBODY = "system:anonymous"


class _Allowed(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Allowed


class _User(msgspec.Struct):
    username: str = ""


class _UserInfo(msgspec.Struct):
    userInfo: _User


class _Self(msgspec.Struct):
    status: _UserInfo


def account(visit: Visit) -> Iterator[Finding]:
    """Who we are to the cluster. Raises ClusterError."""
    visit.diagnosis.account = _who_am_i(visit)
    if visit.diagnosis.account == NOBODY:
        advice = "Give its user a token or a client certificate."
        yield problem("account", "The kubeconfig has nothing that says who we are.", advice)
    elif visit.diagnosis.account:
        yield fine("account", f"We are {visit.diagnosis.account}.")


def check_rights(visit: Visit) -> Iterator[Finding]:
    """A finding for each use of rights; what is missing stands in the diagnosis. Raises ClusterError."""
    wanted = served(rights(read_only=visit.read_only), visit.groups)
    pool = ThreadPoolExecutor(AT_ONCE, "rights")
    try:
        missing = [found for found in pool.map(partial(_missing, visit), wanted) if found.verbs]
    finally:  # where one fails, nobody waits for the others
        pool.shutdown(wait=False, cancel_futures=True)
    visit.diagnosis.missing = missing
    for use in dict.fromkeys(right.use for right in wanted):
        yield _finding(use, [right for right in missing if right.use == use])


def _finding(use: Use, missing: list[Right]) -> Finding:
    about = f"rights for {use.title}"
    if not missing:
        return fine(about, "All there.")
    words = listed(f"{'/'.join(right.verbs)} {_resource(right)}" for right in missing)
    grade = problem if use.needed else warning
    return grade(about, f"Missing: {words}; without, {use.loss}.", "Grant what is printed below.")


def _resource(right: Right) -> str:
    """As `kubectl auth can-i` takes it."""
    plural, slash, below = right.resource.partition("/")
    return f"{plural}.{right.group}{slash}{below}" if right.group else right.resource


def _missing(visit: Visit, right: Right) -> Right:
    """`right` with the verbs that we do not have, in the whole cluster or in some namespace."""
    places = ("",) if right.everywhere else visit.namespaces or ("",)
    lacking = [verb for verb in right.verbs if not all(_may(visit, right, verb, place) for place in places)]
    return replace(right, verbs=tuple(lacking))


def _may(visit: Visit, right: Right, verb: str, namespace: str) -> bool:
    resource, _, below = right.resource.partition("/")
    asked = {"verb": verb, "group": right.group, "resource": resource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked | ({"subresource": below} if below else {})},
    }
    body = visit.connection.read("POST", _REVIEWS, body=review, read_seconds=ANSWER_SECONDS)
    return decoded(body, _Review).status.allowed


def _who_am_i(visit: Visit) -> str:
    """Empty for a cluster that does not tell."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        body = visit.connection.read("POST", _WHO_AM_I, body=review, read_seconds=ANSWER_SECONDS)
    except ApiError as error:
        if error.code in (403, 404):
            return ""
        raise
    return decoded(body, _Self).status.userInfo.username
