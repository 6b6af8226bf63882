"""What the kit is made of: which Go packages become which program, with which flags.

The versions stand in kube/go.mod and kwok/go.mod. They are two modules because in one each would lift what
the other depends on. `building` alone carries this out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = {name: HERE / name for name in ("kube", "kwok")}
KWOK = "sigs.k8s.io/kwok"
KUBERNETES = "k8s.io/kubernetes"
CRDS = ("stages", "logs", "clusterlogs")  # the kinds by which kwok is told what to play
BUILD_DATE = "2026-01-01T00:00:00Z"  # fixed, so that equal sources make equal programs


@dataclass(frozen=True)
class Program:
    """One executable of the kit: `package`, built in the folder of `module`."""

    name: str
    module: str
    package: str


PROGRAMS = (
    Program("etcd", "kube", "go.etcd.io/etcd/server/v3"),
    Program("kube-apiserver", "kube", f"{KUBERNETES}/cmd/kube-apiserver"),
    Program("kube-controller-manager", "kube", f"{KUBERNETES}/cmd/kube-controller-manager"),
    Program("kube-scheduler", "kube", f"{KUBERNETES}/cmd/kube-scheduler"),
    Program("kubectl", "kube", f"{KUBERNETES}/cmd/kubectl"),
    Program("kwok", "kwok", f"{KWOK}/cmd/kwok"),
)


def flags() -> list[str]:
    """The flags of `go build`. Without the version among them /version says what no client can parse."""
    linker = " ".join(("-s -w", *(f"-X {package}.{value}" for package in _STAMPED for value in _stamps())))
    return ["-mod=readonly", "-buildvcs=false", "-trimpath", "-tags", "grpcnotrace", "-ldflags", linker]


def sources() -> Iterator[bytes]:
    """Everything in the repository that decides what is built."""
    for folder in MODULES.values():
        yield from ((folder / name).read_bytes() for name in ("go.mod", "go.sum"))
    yield "\n".join((*flags(), *map(str, PROGRAMS), *CRDS)).encode()


_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def _stamps() -> Iterator[str]:
    found = re.search(rf"{KUBERNETES} (v(\d+)\.(\d+)\.\S+)", (MODULES["kube"] / "go.mod").read_text())
    assert found, "kube/go.mod names no version of Kubernetes"
    yield f"gitVersion={found[1]}"
    yield f"gitMajor={found[2]}"
    yield f"gitMinor={found[3]}"
    yield "gitTreeState=clean"
    yield "gitCommit=unknown"
    yield f"buildDate={BUILD_DATE}"
