"""Questions of rights in protocol buffers, as kubectl sends them; and bodies that are none, or say more."""

import pytest

from localcluster import protobuf
from localcluster.status import ApiError


def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(kind, raw):
    named = field(1, b"authorization.k8s.io/v1") + field(2, kind.encode())
    return b"k8s\x00" + field(1, named) + field(2, raw) + field(3, b"") + field(4, b"")


def review(*attributes):
    meta = field(1, field(1, b"") + field(6, b"") + field(8, b""))
    return envelope(
        "SelfSubjectAccessReview", meta + field(2, field(1, b"".join(attributes))) + field(3, b"\x08\x00")
    )


def test_a_question_is_read():
    found = protobuf.parse(review(field(1, b"red"), field(2, b"list"), field(3, b""), field(5, b"pods")), [])
    assert found == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": {"namespace": "red", "verb": "list", "resource": "pods"}},
    }


def test_another_kind_is_not_read():
    with pytest.raises(ApiError) as refused:
        protobuf.parse(envelope("ConfigMap", b""), ["application/json"])
    assert refused.value.code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"k8s\x00\x0a\xff",  # longer than it is
        b"k8s\x00" + b"\xff" * 20,  # a number without an end
        review(field(8, b"more")),  # a field that would be lost
        review(field(2, b"\xff\xfe")),  # no text
        b"k8s\x00\x0d1234",  # a kind of field that is not read
    ],
)
def test_what_cannot_be_read_is_refused(body):
    with pytest.raises(ApiError) as refused:
        protobuf.parse(body, [])
    assert refused.value.code == 400
