"""The real kubectl on the embedded cluster: what works of it is the table in docs/embedded-cluster.md."""

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.embedded import embedded

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "embedded-cluster.md"
START, END = "<!-- kubectl -->\n", "<!-- /kubectl -->"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: busybox, command: [sh, -c, "echo hello; exec sleep 600"]}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: short}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: busybox, command: [sh, -c, "for n in 1 2 3; do echo line $n; done"]}
"""
STATEFUL = """
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: busybox
        command: [sh, -c, exec sleep 600]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
"""
CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  timeZone: Europe/Berlin
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
          - {name: main, image: busybox, command: ["true"]}
"""
GADGET = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: gadgets, kind: Gadget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.wanted, statusReplicasPath: .status.count}
    additionalPrinterColumns:
    - {name: Wanted, type: integer, jsonPath: .spec.wanted}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              wanted: {type: integer, description: How many there should be.}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
GADGET_ONE = """
apiVersion: example.org/v1
kind: Gadget
metadata: {name: one}
spec: {wanted: 2}
"""
FIRST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: first, labels: {set: all}}
"""
BOTH = f"""{FIRST}---
apiVersion: v1
kind: ConfigMap
metadata: {{name: second, labels: {{set: all}}}}
"""
#: In this order, on one cluster: what is typed, and what is seen. NODE is the name of its node.
ROWS = [
    ("version", "Server Version: v1."),
    ("api-resources", "deployments"),
    ("apply -f web.yaml", "deployment.apps/web created"),
    ("rollout status deployment/web --timeout=120s", "successfully rolled out"),
    ("diff -f web.yaml", ""),
    ("apply --server-side --force-conflicts -f web.yaml", "serverside-applied"),
    ("apply --dry-run=server -f web.yaml", "(server dry run)"),
    ("get all", "deployment.apps/web   1/1     1            1"),
    ("get pods -o wide", "Running"),
    ("get pods -l app=web -o name", "pod/web-"),
    ("get pods -w --request-timeout=2s", "1/1     Running"),
    ("describe deployment web", "1 desired | 1 updated | 1 total | 1 available"),
    ("describe pods -l app=web", "Container image"),
    ("describe nodes", "Allocated resources:"),
    ("logs deployment/web", "hello"),
    ("exec deployment/web -- echo beside", "beside"),
    ("exec deployment/web -c main -- ls -d /", "/"),
    ("scale deployment web --replicas=2", "deployment.apps/web scaled"),
    ("wait --for=condition=Available deployment/web --timeout=120s", "condition met"),
    ("label deployment web tier=front", "labeled"),
    ("annotate deployment web note=seen", "annotated"),
    ('patch deployment web -p {"spec":{"replicas":1}}', "patched"),
    ("rollout restart deployment web", "restarted"),
    ("rollout history deployment web", "REVISION"),
    ("set image deployment/web main=busybox:2", "image updated"),
    ("rollout status deployment/web --timeout=120s", "successfully rolled out"),
    ("rollout history deployment/web --revision=3", "busybox:2"),
    ("rollout undo deployment web", "rolled back"),
    ("rollout pause deployment web", "paused"),
    ("rollout resume deployment web", "resumed"),
    ("set env deployment/web RATE=2", "env updated"),
    ("set resources deployment/web --limits=memory=64Mi", "resource requirements updated"),
    ('patch deployment web --type=merge -p {"metadata":{"labels":{"a":"b"}}}', "patched"),
    ('patch deployment web --type=json -p [{"op":"remove","path":"/metadata/labels/a"}]', "patched"),
    ("label deployment web tier=back --overwrite", "labeled"),
    ("label deployment web tier-", "unlabeled"),
    ("rollout status deployment/web --timeout=120s", "successfully rolled out"),
    ("get pods --sort-by=.metadata.creationTimestamp", "web-"),
    ("get pods -o jsonpath={.items[*].metadata.labels.app}", "web"),
    ("get pods -o custom-columns=NAME:.metadata.name,PHASE:.status.phase", "PHASE"),
    ("get pods --field-selector=status.phase=Running --show-labels", "app=web"),
    ("wait --for=jsonpath={.status.readyReplicas}=1 deployment/web --timeout=120s", "condition met"),
    ("cordon NODE", "node/NODE cordoned"),
    ("uncordon NODE", "node/NODE uncordoned"),
    ("taint nodes NODE kept=free:PreferNoSchedule", "node/NODE tainted"),
    ("taint nodes NODE kept-", "node/NODE untainted"),
    ("drain NODE --ignore-daemonsets --force --dry-run=server", "node/NODE drained (server dry run)"),
    ("get deployment web", "web    1/1"),
    ("top nodes", "CPU(cores)"),
    ("top pods --containers", "MEMORY(bytes)"),
    ("events", "ScalingReplicaSet"),
    ("create -f job.yaml", "job.batch/short created"),
    ("create namespace lab", "namespace/lab created"),
    ("create configmap settings --from-literal=rate=2 -n lab", "configmap/settings created"),
    ("get configmap settings -n lab -o jsonpath={.data.rate}", "2"),
    ("create secret generic key --from-literal=token=s3cret -n lab", "secret/key created"),
    ("get secret key -n lab -o jsonpath={.data.token}", "czNjcmV0"),
    ("create serviceaccount robot -n lab", "serviceaccount/robot created"),
    (
        "create deployment idle --image=busybox --replicas=2 -n lab -- sleep 600",
        "deployment.apps/idle created",
    ),
    ("rollout status deployment/idle -n lab --timeout=120s", "successfully rolled out"),
    ("expose deployment idle --port=80 -n lab", "service/idle exposed"),
    ("create service clusterip web --tcp=80:8080 -n lab", "service/web created"),
    ("create priorityclass urgent --value=10", "priorityclass.scheduling.k8s.io/urgent created"),
    ("create job once --image=busybox -n lab -- true", "job.batch/once created"),
    ("wait --for=condition=Complete job/once -n lab --timeout=120s", "condition met"),
    (
        "create cronjob nightly --image=busybox --schedule=@daily -n lab -- true",
        "cronjob.batch/nightly created",
    ),
    ("create job again --from=cronjob/nightly -n lab", "job.batch/again created"),
    ("wait --for=condition=Complete job/again -n lab --timeout=120s", "condition met"),
    ("run shell --image=busybox -n lab --command -- sleep 600", "pod/shell created"),
    ("wait --for=condition=Ready pod/shell -n lab --timeout=120s", "condition met"),
    ("cp web.yaml lab/shell:copy.yaml", ""),
    ("exec shell -n lab -- cat copy.yaml", "kind: Deployment"),
    ("apply -f settings.yaml", "configmap/second created"),
    ("apply -f first.yaml --prune -l set=all --prune-allowlist=core/v1/ConfigMap", "configmap/second pruned"),
    ("delete namespace lab", 'namespace "lab" deleted'),
    ("logs -f job/short --pod-running-timeout=120s", "line 3"),
    ("wait --for=condition=Complete job/short --timeout=120s", "condition met"),
    ("apply -f stateful.yaml", "statefulset.apps/db created"),
    ("rollout status statefulset/db --timeout=120s", "roll out complete: 1 new pods"),
    ("get statefulsets", "db     1/1"),
    ("get pvc,pv,sc", "persistentvolumeclaim/data-db-0   Bound"),
    ("describe statefulset db", "create Pod db-0 in StatefulSet db successful"),
    ("describe pvc data-db-0", "Used By:       db-0"),
    ("scale statefulset db --replicas=0", "statefulset.apps/db scaled"),
    ("rollout history statefulset db", "REVISION"),
    ("delete -f stateful.yaml", 'statefulset.apps "db" deleted'),
    ("delete pvc data-db-0", 'persistentvolumeclaim "data-db-0" deleted'),
    ("apply -f cron.yaml", "cronjob.batch/nightly created"),
    ("get cronjobs", "0 3 * * *   Europe/Berlin   False"),
    ("describe cronjob nightly", "Concurrency Policy:            Allow"),
    ("delete cronjob nightly", 'cronjob.batch "nightly" deleted'),
    ("explain deployment.spec.replicas", "FIELD: replicas <integer>"),
    ("explain pods.spec.containers", "readinessProbe"),
    ("apply -f gadget.yaml", "gadgets.example.org created"),
    ("wait --for=condition=Established crd/gadgets.example.org --timeout=120s", "condition met"),
    ("apply -f one.yaml", "gadget.example.org/one created"),
    ("scale gadget one --replicas=7", "gadget.example.org/one scaled"),
    ("get gadgets", "one    7"),
    ("explain gadget.spec.wanted", "How many there should be."),
    ("delete crd gadgets.example.org", '"gadgets.example.org" deleted'),
    ("auth can-i create jobs", "yes"),
    ("auth can-i --list", "*.*"),
    ("auth whoami", "kubernetes-admin"),
    ("delete -f job.yaml", 'job.batch "short" deleted'),
    ("delete deployment web --cascade=orphan", 'deployment.apps "web" deleted'),
    ("get rs -l app=web -o name", "replicaset.apps/web-"),
    ("delete rs -l app=web", "deleted"),
    ("config get-contexts", "localcluster"),
    ("api-versions", "batch/v1"),
    ("explain job.spec --recursive", "successPolicy"),
]

#: What goes on until it is ended, and so has a test of its own.
FORWARD = "port-forward pod/louder :8000"
LOUDER = """
apiVersion: v1
kind: Pod
metadata: {name: louder}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: done, emptyDir: {}}]
  containers:
  - name: main
    image: python
    command:
    - python3
    - -c
    - |
      import os, socket
      server = socket.create_server((os.environ["POD_IP"], 8000))
      open(os.environ["RUNYARD_VOLUME_DONE"] + "/listens", "w").close()
      while True:
          with server.accept()[0] as client:
              while data := client.recv(65536):
                  client.sendall(data.upper())
    readinessProbe: {exec: {command: [sh, -c, 'test -e "$RUNYARD_VOLUME_DONE/listens"']}, periodSeconds: 1}
"""


TICKS = """
apiVersion: v1
kind: Pod
metadata: {name: ticks}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "until test -e enough; do echo tick; sleep 0.2; done; echo over"]
"""
ATTACH = "attach pod/ticks"


@pytest.fixture(scope="module")
def kubectl(kit, tmp_path_factory):
    """`kubectl(words)`: the finished process, in a folder with the manifests."""
    folder = tmp_path_factory.mktemp("kubectl")
    (folder / "web.yaml").write_text(DEPLOYMENT)
    (folder / "job.yaml").write_text(JOB)
    (folder / "cron.yaml").write_text(CRON_JOB)
    (folder / "gadget.yaml").write_text(GADGET)
    (folder / "one.yaml").write_text(GADGET_ONE)
    (folder / "louder.yaml").write_text(LOUDER)
    (folder / "stateful.yaml").write_text(STATEFUL)
    (folder / "ticks.yaml").write_text(TICKS)
    (folder / "first.yaml").write_text(FIRST)
    (folder / "settings.yaml").write_text(BOTH)
    with embedded(folder) as cluster:
        config = Path(cluster.kubeconfig).with_name("kubeconfig-for-kubectl")
        env = os.environ | {"KUBECONFIG": str(config), "HOME": str(folder)}

        def run(words):
            argv = [kit.program("kubectl"), *words.split()]
            return subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, timeout=180)

        def going(words):
            argv = [kit.program("kubectl"), *words.split()]
            return subprocess.Popen(argv, env=env, cwd=folder, stdout=subprocess.PIPE, text=True)

        run.going = going  # the process, which goes on
        yield run


def test_what_is_in_the_table_works(kubectl):
    node = kubectl("get nodes -o jsonpath={.items[0].metadata.name}").stdout
    for words, seen in ROWS:
        words, seen = words.replace("NODE", node), seen.replace("NODE", node)
        done = kubectl(words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert seen in done.stdout, f"{words}: {done.stdout}"


def test_it_forwards_ports(kubectl):
    assert kubectl("apply -f louder.yaml").returncode == 0
    assert kubectl("wait --for=condition=Ready pod/louder --timeout=120s").returncode == 0
    with kubectl.going(FORWARD) as process:
        port = int(process.stdout.readline().split(":")[1].split()[0])
        for words in (b"one", b"two" * 100_000):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as way:
                sender = threading.Thread(target=way.sendall, args=[words])
                sender.start()
                heard = b""
                while len(heard) < len(words):
                    heard += way.recv(65536)
                sender.join()
            assert heard == words.upper()
        process.terminate()


def test_it_attaches_until_the_container_ends(kubectl):
    kubectl("delete pod ticks --ignore-not-found")  # it has ended where this is tried again
    assert kubectl("apply -f ticks.yaml").returncode == 0
    assert kubectl("wait --for=condition=Ready pod/ticks --timeout=120s").returncode == 0
    with kubectl.going(ATTACH) as process:
        assert process.stdout.readline() == "tick\n"
        assert kubectl("exec ticks -- touch enough").returncode == 0
        *rest, last = process.stdout.read().splitlines()
    assert (set(rest) <= {"tick"}, last, process.returncode) == (True, "over", 0)


def test_pruning_has_to_be_told_of_what(kubectl):
    done = kubectl("apply -f first.yaml --prune -l set=all")
    assert (done.returncode, "no matches for kind" in done.stderr) == (1, True), done


def test_the_table_is_in_the_documentation():
    """Run this file as a script to write it there."""
    assert written() == table()


def written():
    return DOCUMENTATION.read_text().split(START)[1].split(END)[0]


def table():
    verbs: dict[str, list[str]] = {}
    for words in dict.fromkeys([*(words for words, _ in ROWS), FORWARD, ATTACH]):
        verbs.setdefault(words.split()[0], []).append(f"`{words}`")
    rows = [f"| {verb} | {', '.join(tried)} |" for verb, tried in verbs.items()]
    return "\n".join(["| kubectl | tried |", "|---|---|", *rows, ""])


def test_only_the_whole_token_in_the_path_lets_one_in(kubectl, tmp_path):
    config = kubectl("config view --raw -o jsonpath={.clusters[0].cluster.server}").stdout
    for wrong in (config[:-1], config.rpartition("/")[0]):
        done = kubectl(f"get pods --server={wrong}")
        assert (done.returncode, "Unauthorized" in done.stderr or "logged in" in done.stderr) == (1, True)


if __name__ == "__main__":
    DOCUMENTATION.write_text(DOCUMENTATION.read_text().replace(written(), table()))
