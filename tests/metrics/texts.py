"""What kubelets and exporters answer, as real ones write it."""

from metrics.scraping.endpoints import CADVISOR, GPU_PORT, GPUS, KUBELET, RESOURCE
from metrics.scraping.fetching import Answer, Endpoint


def cadvisor(cpu=100.0, memory=2**30, pod="sft-0", namespace="red", container="main", stamp=None):
    """One pod as cAdvisor tells of it, with the lines that must be left out."""
    time = f" {stamp}" if stamp else ""
    of = f'image="x",namespace="{namespace}",pod="{pod}"'
    whole, main = f'container="",id="/pod1",{of}', f'container="{container}",id="/pod1/a",{of}'
    pause = f'container="POD",id="/pod1/b",{of}'
    lines = [
        "# HELP cadvisor_version_info A metric with a constant 1.",
        'cadvisor_version_info{osVersion="x"} 1',
    ]
    lines += ["# TYPE container_cpu_usage_seconds_total counter"]
    lines += [f'container_cpu_usage_seconds_total{{container="",cpu="total",id="/"}} 99999{time}']
    lines += [f"container_cpu_usage_seconds_total{{{one}}} {cpu}{time}" for one in (whole, main, pause)]
    lines += ["# TYPE container_cpu_usage_seconds_total_of_others counter"]
    lines += [f"container_cpu_usage_seconds_total_of_others{{{main}}} 7"]
    lines += ["# TYPE container_memory_working_set_bytes gauge"]
    lines += [f"container_memory_working_set_bytes{{{one}}} {memory}{time}" for one in (whole, main)]
    lines += ["# TYPE container_network_receive_bytes_total counter"]
    for interface, value in (("eth0", 1000), ("eth1", 500), ("lo", 77)):
        lines.append(
            f'container_network_receive_bytes_total{{{pause},interface="{interface}"}} {value}{time}'
        )
    lines += ["# TYPE container_fs_reads_bytes_total counter"]
    for disk in ("sda", "sdb"):
        lines.append(f'container_fs_reads_bytes_total{{{main},device="/dev/{disk}"}} 4096{time}')
    return "\n".join(lines).encode() + b"\n"


def resource(cpu=100.0, pod="sft-0"):
    """What /metrics/resource tells."""
    return (
        "# HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node\n"
        "# TYPE node_cpu_usage_seconds_total counter\n"
        "node_cpu_usage_seconds_total 5000.5 1790000000000\n"
        "# TYPE node_memory_working_set_bytes gauge\n"
        "node_memory_working_set_bytes 8589934592 1790000000000\n"
        "# TYPE container_cpu_usage_seconds_total counter\n"
        f'container_cpu_usage_seconds_total{{container="main",namespace="red",pod="{pod}"}} {cpu}\n'
        "# TYPE container_memory_working_set_bytes gauge\n"
        f'container_memory_working_set_bytes{{container="main",namespace="red",pod="{pod}"}} 1000000\n'
    ).encode()


def dcgm(gpus):
    """`gpus`: {index: (utilisation, MiB used, pod or "")}, as DCGM's exporter writes them; 80 GiB each."""
    lines = []
    for family, value in (
        ("DCGM_FI_DEV_GPU_UTIL", lambda util, used: util),
        ("DCGM_FI_DEV_FB_USED", lambda util, used: used),
        ("DCGM_FI_DEV_FB_FREE", lambda util, used: 81_000 - used),
        ("DCGM_FI_DEV_FB_RESERVED", lambda util, used: 559),
        ("DCGM_FI_DEV_POWER_USAGE", lambda util, used: 100.5),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", lambda util, used: util / 200),
    ):
        lines += [f"# HELP {family} words", f"# TYPE {family} gauge"]
        for index, (util, used, pod) in gpus.items():
            held = f',container="main",namespace="red",pod="{pod}"' if pod else ""
            uuid = f'gpu="{index}",UUID="GPU-{index}",device="nvidia{index}",modelName="NVIDIA H100"'
            lines.append(f'{family}{{{uuid},Hostname="node-1"{held}}} {value(util, used)}')
    return "\n".join(lines).encode() + b"\n"


def mig(engine, used=4000, pod="sft-0"):
    """A slice, which has no utilisation."""
    slice_ = 'gpu="0",UUID="GPU-0",GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"'
    of = f'{slice_},namespace="red",pod="{pod}",container="main"'
    return (
        f"# TYPE DCGM_FI_DEV_FB_USED gauge\nDCGM_FI_DEV_FB_USED{{{of}}} {used}\n"
        f"# TYPE DCGM_FI_PROF_GR_ENGINE_ACTIVE gauge\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{{{of}}} {engine}\n"
    ).encode()


def ups(driver="", gpus=(), pods=""):
    """What Runyard's exporter says of itself: the reason of each that is down; `gpus` by their index."""
    lines = ["# TYPE runyard_gpu_exporter_up gauge"]
    lines += [f'runyard_gpu_exporter_up{{Hostname="node-1",reason="{driver}"}} {float(not driver)}']
    lines += ["# TYPE runyard_gpu_up gauge"]
    for index, reason in enumerate(gpus):
        of = f'gpu="{index}",UUID="GPU-{index}",Hostname="node-1",reason="{reason}"'
        lines.append(f"runyard_gpu_up{{{of}}} {float(not reason)}")
    lines += ["# TYPE runyard_gpu_pods_up gauge"]
    lines += [f'runyard_gpu_pods_up{{Hostname="node-1",source="kubelet",reason="{pods}"}} {float(not pods)}']
    return "\n".join(lines).encode() + b"\n"


def kubelet(body, path=CADVISOR, node="node-1", **more):
    return Answer(Endpoint(KUBELET, node, f"/api/v1/nodes/{node}/proxy{path}"), body, **more)


def node_figures(body, node="node-1"):
    return kubelet(body, RESOURCE, node)


def exporter(body, node="node-1", **more):
    return Answer(Endpoint(GPUS, node, f"/api/v1/nodes/{node}:{GPU_PORT}/proxy/metrics"), body, **more)
