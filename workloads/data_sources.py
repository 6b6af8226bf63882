"""The data a workload's pods work on: claims, shares and folders that they mount, and what is declared. Pure.

A bucket or a repository is fetched by the program itself, which no specification shows: annotation DECLARED
on the pod template names such, `[{"name": "s3://corpora/wiki", "type": "S3"}]`. All of it is hostile text.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from runyard.clusters.objects import PodTemplate, Volume

DECLARED = "runyard.io/data-sources"
MOST, LONGEST, MOST_BYTES = 50, 253, 16_384
_PASSWORD = re.compile(r"//[^/]*@")  # of an address such as https://me:s@cret@host/repository


class _Source(msgspec.Struct):
    name: str
    type: str


_declaration = msgspec.json.Decoder(list[_Source])


def data_sources(template: PodTemplate) -> list[str]:
    """Each once, as "name (type)", in the order in which they are listed; at most MOST."""
    found = [_mounted(volume) for volume in template.spec.volumes or ()]
    declared = (_said(one.name, one.type) for one in _declared(template.metadata.annotations or {}))
    return list(dict.fromkeys(text for text in (*found, *declared) if text))[:MOST]


def _mounted(volume: Volume) -> str:
    """Empty for what holds nothing that was there before the pod, such as an emptyDir, and for its token."""
    if volume.persistent_volume_claim:
        return _said(volume.persistent_volume_claim.claim_name, "PVC")
    if volume.nfs:
        return _said(f"{volume.nfs.server}:{volume.nfs.path}", "NFS")
    if volume.host_path:
        return _said(volume.host_path.path, "host folder")
    if volume.csi:
        return _said(volume.csi.driver, "CSI")
    if volume.git_repo:
        return _said(volume.git_repo.repository, "Git")
    if volume.config_map:
        return _said(volume.config_map.name, "ConfigMap")
    return _said(volume.secret.secret_name, "Secret") if volume.secret else ""


def _declared(annotations: Mapping[str, str]) -> Iterator[_Source]:
    """None where the annotation is not what it should be: it is shown, and nothing depends on it."""
    told = annotations.get(DECLARED, "")
    try:
        yield from _declaration.decode(told) if 0 < len(told) <= MOST_BYTES else ()
    except (msgspec.DecodeError, UnicodeEncodeError):
        return


def _said(name: str | None, kind: str) -> str:
    name, kind = _PASSWORD.sub("//", name or "").strip(), kind.strip()
    return f"{name[:LONGEST]} ({kind[:40]})" if name and kind else name[:LONGEST]
