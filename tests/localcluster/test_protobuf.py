"""Questions of rights in protocol buffers, as kubectl sends them; and bodies that are none, or say more."""

import pytest

from localcluster import protobuf
from localcluster.status import ApiError


def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def envelope(kind, raw, version=b"authorization.k8s.io/v1"):
    named = field(1, version) + field(2, kind.encode())
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
        "spec": {"resourceAttributes": {"namespace": "red", "verb": "list", "resource": "pods"}},
    }


def number(at, value):
    return bytes([at << 3, value])


def entry(key, value):
    return field(1, key) + field(2, value)


def test_texts_numbers_bytes_and_maps_are_as_json_has_them():
    """Nothing that is only empty, everything that was said; a union's fields lie beside the others."""
    container = field(1, b"main") + field(8, field(1, entry(b"cpu", field(1, b"2"))))
    volume = field(1, b"scratch") + field(2, field(2, b""))
    template = field(1, field(8, b"")) + field(2, field(1, volume) + field(2, container) + field(3, b"Never"))
    spec = number(1, 0) + field(6, template) + number(10, 0)
    meta = field(1, b"train") + field(2, b"") + field(11, entry(b"team", b"red"))
    found = protobuf.parse(envelope("Job", field(1, meta) + field(2, spec), b"batch/v1"), [])
    pods = {"volumes": [{"name": "scratch", "emptyDir": {}}], "restartPolicy": "Never"}
    pods["containers"] = [{"name": "main", "resources": {"limits": {"cpu": "2"}}}]
    assert found["metadata"] == {"name": "train", "labels": {"team": "red"}}
    assert found["spec"] == {"parallelism": 0, "suspend": False, "template": {"spec": pods}}
    secret = protobuf.parse(envelope("Secret", field(2, entry(b"key", b"\x00\xff")), b"v1"), [])
    assert secret == {"apiVersion": "v1", "kind": "Secret", "data": {"key": "AP8="}}


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
