"""The command line of each program of the kit. Only flags; `plane` decides what runs and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controlplane import ports
from controlplane.building import Kit
from controlplane.pki import Pki
from controlplane.profile import Profile

HOST = "127.0.0.1"
# What a cluster of workloads needs. node-lifecycle takes the not-ready taint off new nodes.
CONTROLLERS = [
    "job",
    "cronjob",
    "deployment",
    "replicaset",
    "statefulset",
    "daemonset",
    "garbage-collector",
    "namespace",
    "serviceaccount",
    "serviceaccount-token",
    "root-ca-certificate-publisher",
    "pod-garbage-collector",
    "ttl-after-finished",
    "disruption",
    "resourcequota",
    "endpointslice",
    "clusterrole-aggregation",
    "node-lifecycle",
    "taint-eviction",
    "persistentvolume-binder",
    "persistentvolumeclaim-protection",
    "persistentvolume-protection",
]
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_NOWHERE = "192.0.2.1"  # an address for documentation: nobody is to reach the server by it
_NEVER = "87600h"  # simulated nodes say once that they are ready, and no more
_BUSY = ("--kube-api-qps=500", "--kube-api-burst=1000")  # the default of 20 a second makes everything slow


@dataclass(frozen=True)
class Ports:
    """Where each of them listens on the loopback address."""

    api: int = field(default_factory=ports.free)
    etcd: int = field(default_factory=ports.free)
    peers: int = field(default_factory=ports.free)
    controllers: int = field(default_factory=ports.free)
    scheduler: int = field(default_factory=ports.free)
    kwok: int = field(default_factory=ports.free)


@dataclass(frozen=True)
class CommandLines:
    """For one control plane in `home`. `kubeconfig` is the administrator's."""

    kit: Kit
    home: Path
    profile: Profile
    pki: Pki
    kubeconfig: Path
    ports: Ports

    @property
    def etcd_url(self) -> str:
        return f"http://{HOST}:{self.ports.etcd}"

    def etcd(self) -> list[str]:
        peers = f"http://{HOST}:{self.ports.peers}"
        return [
            self.kit.program("etcd"),
            "--name=n0",
            f"--data-dir={self.home / 'etcd'}",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=n0={peers}",
            "--unsafe-no-fsync",
            "--quota-backend-bytes=8589934592",
            "--log-level=warn",
        ]

    def api_server(self) -> list[str]:
        return [
            self.kit.program("kube-apiserver"),
            f"--etcd-servers={self.etcd_url}",
            f"--bind-address={HOST}",
            f"--secure-port={self.ports.api}",
            f"--advertise-address={_NOWHERE}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self.home / 'api-server'}",
            f"--tls-cert-file={self.pki.certificate}",
            f"--tls-private-key-file={self.pki.key}",
            f"--client-ca-file={self.pki.authority}",
            f"--token-auth-file={self.pki.tokens_file}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={self.pki.accounts_key}",
            f"--service-account-signing-key-file={self.pki.accounts_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--profiling=false",
            "--event-ttl=15m",
            *self._admission(),
        ]

    def _admission(self) -> Iterator[str]:
        if not self.profile.runs:  # nobody makes the accounts that this one asks for
            yield "--disable-admission-plugins=ServiceAccount"
        if not self.profile.throttled:
            yield "--enable-priority-and-fairness=false"
            yield "--max-requests-inflight=0"
            yield "--max-mutating-requests-inflight=0"

    def controllers(self) -> list[str]:
        return [
            self.kit.program("kube-controller-manager"),
            *self._component(self.ports.controllers, "controllers"),
            f"--root-ca-file={self.pki.authority}",
            f"--service-account-private-key-file={self.pki.accounts_key}",
            f"--node-monitor-grace-period={_NEVER}",
            "--enable-hostpath-provisioner=true",  # claims of a class of it get a folder of this machine
            f"--controllers={','.join(f'{name}-controller' for name in CONTROLLERS)}",
            *([] if self.profile.throttled else ["--terminated-pod-gc-threshold=0"]),
        ]

    def scheduler(self) -> list[str]:
        return [self.kit.program("kube-scheduler"), *self._component(self.ports.scheduler, "scheduler")]

    def _component(self, port: int, folder: str) -> Iterator[str]:
        yield f"--kubeconfig={self.kubeconfig}"
        yield f"--bind-address={HOST}"
        yield f"--secure-port={port}"
        yield f"--cert-dir={self.home / folder}"
        yield "--leader-elect=false"
        yield "--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics"
        yield from _BUSY

    def kwok(self, configuration: Path) -> list[str]:
        return [
            self.kit.program("kwok"),
            f"--kubeconfig={self.kubeconfig}",
            f"--config={configuration}",
            "--manage-all-nodes=true",
            f"--node-ip={HOST}",
            f"--node-port={self.ports.kwok}",
            f"--server-address={HOST}:{self.ports.kwok}",
            "--cidr=10.244.0.0/14",
            # No leases: on nodes that one before it held, killed or not, it would play nothing for so long.
            "--node-lease-duration-seconds=0",
            "--enable-crds=Stage,Logs,ClusterLogs",
        ]
