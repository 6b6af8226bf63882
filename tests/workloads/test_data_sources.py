"""What data a workload works on: read from what its pods mount and from what its author declares."""

import json

import msgspec
import pytest
from django.utils import timezone

from runyard.clusters.observed import Seen
from tests.make import make_workload
from workloads import cells
from workloads.data_sources import DECLARED, MOST, MOST_BYTES
from workloads.kinds import KINDS
from workloads.models import Workload
from workloads.observing import observe
from workloads.reading import workload_fields

TRAINING = KINDS["training"]


def job(volumes=(), declared=None, version="1"):
    meta = {"annotations": {DECLARED: declared}} if declared is not None else {}
    spec = {"containers": [{"name": "main"}], "volumes": list(volumes)}
    found = {
        "metadata": {
            "uid": "job-1",
            "name": "train",
            "namespace": "red",
            "resourceVersion": version,
            "creationTimestamp": timezone.now().isoformat(),
        },
        "spec": {"template": {"metadata": meta, "spec": spec}},
    }
    return msgspec.convert(found, TRAINING.type)


def read(*volumes, declared=None):
    return workload_fields(TRAINING, job(volumes, declared))["data_sources"]


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        ({"persistentVolumeClaim": {"claimName": "datasets"}}, "datasets (PVC)"),
        ({"nfs": {"server": "nas", "path": "/exports/a"}}, "nas:/exports/a (NFS)"),
        ({"hostPath": {"path": "/mnt/scratch"}}, "/mnt/scratch (host folder)"),
        ({"csi": {"driver": "s3.csi.aws.com"}}, "s3.csi.aws.com (CSI)"),
        ({"gitRepo": {"repository": "https://me:pass@git.example/a"}}, "https://git.example/a (Git)"),
        ({"gitRepo": {"repository": "https://me:p@ss@git.example/a@v1"}}, "https://git.example/a@v1 (Git)"),
        ({"configMap": {"name": "settings"}}, "settings (ConfigMap)"),
        ({"secret": {"secretName": "token"}}, "token (Secret)"),
    ],
)
def test_each_kind_of_volume_is_told_by_name_and_type(volume, said):
    assert read({"name": "v", **volume}) == [said]


def test_what_is_empty_at_first_and_the_token_are_no_data():
    token = {
        "name": "kube-api-access",
        "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
    }
    assert read({"name": "tmp", "emptyDir": {}}, token, {"name": "odd", "persistentVolumeClaim": {}}) == []


def test_the_same_claim_mounted_twice_is_told_once():
    claim = {"persistentVolumeClaim": {"claimName": "datasets"}}
    assert read({"name": "a", **claim}, {"name": "b", **claim}) == ["datasets (PVC)"]


def test_a_bucket_is_told_where_it_is_declared():
    declared = json.dumps([{"name": "s3://corpora/wiki", "type": "S3", "more": 1}])
    assert read({"name": "v", "hostPath": {"path": "/d"}}, declared=declared) == [
        "/d (host folder)",
        "s3://corpora/wiki (S3)",
    ]


@pytest.mark.parametrize(
    "told", ["", "{", "null", '{"name": "a"}', '[{"name": 1, "type": "S3"}]', "[7]", "\ud800"]
)
def test_what_is_no_declaration_is_no_data_source(told):
    assert read(declared=told) == []


def test_a_hostile_declaration_stays_small():
    many = [{"name": f"s3://{number}", "type": "S3"} for number in range(200)]
    assert len(read(declared=json.dumps(many))) == MOST
    assert read(declared=json.dumps(many * 9)) == []
    assert len(json.dumps(many * 9)) > MOST_BYTES
    assert [len(one) for one in read(declared=json.dumps([{"name": "a" * 9000, "type": "b" * 900}]))] == [296]


@pytest.mark.django_db
def test_a_row_follows_its_object(cluster, red):
    def see(version, *volumes):
        observe(cluster, [Seen("jobs", "job-1", job(volumes, version=version))])
        return Workload.objects.get(uid="job-1").data_sources

    assert see("1", {"name": "v", "persistentVolumeClaim": {"claimName": "a\0b"}}) == ["ab (PVC)"]
    assert see("2", {"name": "v", "nfs": {"server": "nas", "path": "/a"}}) == ["nas:/a (NFS)"]


@pytest.mark.django_db
def test_a_cell_opens_the_list_of_several(red, cluster):
    one = make_workload(red, cluster, name="one", data_sources=["a (PVC)"])
    many = make_workload(red, cluster, name="many", data_sources=["a (PVC)", "<b> (S3)"])
    assert "popover" not in cells.data_sources(one)
    cell = cells.data_sources(many)
    assert f'popovertarget="data-{many.pk}"' in cell
    assert f'id="data-{many.pk}"' in cell
    assert '<bdi class="cut">a (PVC)</bdi> +1</button>' in cell
    assert "<li>&lt;b&gt; (S3)</li>" in cell
