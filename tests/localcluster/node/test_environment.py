"""What a process finds around it: variables, arguments, folders, volumes."""

import base64
import sys

from tests.localcluster.running import condition, container, eventually, shell, state


def env_of(text):
    return dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)


async def variables(cluster, env=(), **more):
    """The environment of a container, as `env` prints it."""
    labels = more.pop("labels", None)
    env_from, resources = more.pop("envFrom", []), more.pop("resources", {})
    main = container("env", env=list(env), envFrom=env_from, resources=resources)
    cluster.run("one", main, labels=labels, **more)
    await cluster.ended("one")
    return env_of(await cluster.log("one"))


async def test_values_are_expanded_from_the_variables_before_them(cluster):
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2 $$(A) $(NOBODY) $A"},
        {"name": "C", "value": "$(LATER)"},
        {"name": "LATER", "value": "x"},
    ]
    found = await variables(cluster, env)
    assert found["B"] == "12 $(A) $(NOBODY) $A"
    assert found["C"] == "$(LATER)"


async def test_arguments_are_expanded(cluster):
    env = [{"name": "WHO", "value": "Ada"}]
    cluster.run("one", container("echo", env=env, args=["hello", "$(WHO)", "$$(WHO)"]))
    await cluster.ended("one")
    assert await cluster.log("one") == b"hello Ada $(WHO)\n"


async def test_config_maps_and_secrets_become_variables(cluster):
    cluster.create("configmaps", {"metadata": {"name": "cfg"}, "data": {"rate": "0.1", "depth": "3"}})
    secret = {"metadata": {"name": "key"}, "data": {"token": base64.b64encode(b"s3cret").decode()}}
    cluster.create("secrets", secret)
    env = [
        {"name": "RATE", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "rate"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "no", "key": "no", "optional": True}}},
    ]
    sources = [{"prefix": "CFG_", "configMapRef": {"name": "cfg"}}, {"secretRef": {"name": "key"}}]
    found = await variables(cluster, env, envFrom=sources)
    assert (found["RATE"], found["TOKEN"], found["CFG_depth"], found["token"]) == (
        "0.1",
        "s3cret",
        "3",
        "s3cret",
    )
    assert "NONE" not in found


async def test_a_pod_learns_about_itself(cluster):
    paths = {
        "NAME": "metadata.name",
        "NAMESPACE": "metadata.namespace",
        "UID": "metadata.uid",
        "TEAM": "metadata.labels['team']",
        "NODE": "spec.nodeName",
        "IP": "status.podIP",
    }
    env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in paths.items()]
    env.append({"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}})
    memory = {"resource": "requests.memory", "divisor": "1Mi"}
    env.append({"name": "MEMORY", "valueFrom": {"resourceFieldRef": memory}})
    resources = {"limits": {"cpu": "1500m", "memory": "1Gi"}, "requests": {"cpu": "10m", "memory": "64Mi"}}
    found = await variables(cluster, env, labels={"team": "red"}, resources=resources)
    assert (found["NAME"], found["NAMESPACE"], found["TEAM"]) == ("one", "default", "red")
    assert found["UID"] == cluster.pod("one")["metadata"]["uid"]
    assert (found["NODE"], found["CPUS"], found["MEMORY"]) == ("node-1", "2", "64")
    assert found["IP"] == found["POD_IP"] == cluster.pod("one")["status"]["podIP"]
    assert found["HOSTNAME"] == "one"


async def test_nothing_of_the_servers_own_environment_leaks(cluster, monkeypatch):
    monkeypatch.setenv("RUNYARD_SECRET_KEY", "do not tell")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do not tell")
    found = await variables(cluster)
    assert "do not tell" not in found.values()
    assert not [name for name in found if name.startswith("RUNYARD_")]
    assert found["PYTHONUNBUFFERED"] == "1"
    assert found["TMPDIR"].startswith(str(cluster.home))


async def test_a_missing_config_map_holds_the_container_until_it_is_made(cluster):
    env = [{"name": "RATE", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "rate"}}}]
    cluster.run("one", shell("echo $RATE", env=env))
    await eventually(lambda: cluster.pod("one")["status"].get("containerStatuses"))
    waiting = {"reason": "CreateContainerConfigError", "message": 'configmap "cfg" not found'}
    assert state(cluster.pod("one")) == ("waiting", waiting)
    assert ("Failed", 'Error: configmap "cfg" not found') in cluster.events("one")
    cluster.create("configmaps", {"metadata": {"name": "cfg"}, "data": {"rate": "0.1"}})
    await cluster.ended("one")
    assert await cluster.log("one") == b"0.1\n"


async def test_a_missing_key_is_named(cluster):
    cluster.create("configmaps", {"metadata": {"name": "cfg"}, "data": {}})
    env = [{"name": "RATE", "valueFrom": {"configMapKeyRef": {"name": "cfg", "key": "rate"}}}]
    cluster.run("one", shell("true", env=env))
    await eventually(lambda: cluster.pod("one")["status"].get("containerStatuses"))
    assert state(cluster.pod("one"))[1]["message"] == "couldn't find key rate in ConfigMap default/cfg"


async def test_volumes_are_folders_told_in_variables(cluster, tmp_path):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "here").write_text("from the host")
    cluster.create("configmaps", {"metadata": {"name": "cfg"}, "data": {"a.yaml": "a: 1", "b.yaml": "b: 2"}})
    cluster.create("secrets", {"metadata": {"name": "key"}, "stringData": {"token": "s3cret"}})
    labels = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    volumes = [
        {"name": "work", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "cfg", "items": [{"key": "a.yaml", "path": "etc/a"}]}},
        {"name": "keys", "secret": {"secretName": "key"}},
        {"name": "host", "hostPath": {"path": str(tmp_path / "host"), "type": "Directory"}},
        {"name": "about", "downwardAPI": {"items": labels}},
    ]
    mounts = [{"name": "work", "mountPath": "/data/in-put"}]
    script = """
cat $RUNYARD_MOUNT_DATA_IN_PUT/made; cat $RUNYARD_VOLUME_CONFIG/etc/a; ls $RUNYARD_VOLUME_CONFIG
cat $RUNYARD_VOLUME_KEYS/token; cat $RUNYARD_VOLUME_HOST/here; cat $RUNYARD_VOLUME_ABOUT/labels
"""
    step = shell("echo made > $RUNYARD_VOLUME_WORK/made", name="step")
    cluster.run(
        "one",
        shell(script, volumeMounts=mounts),
        initContainers=[step],
        volumes=volumes,
        labels={"team": "red"},
    )
    await cluster.ended("one")
    assert await cluster.log("one") == b'made\na: 1etc\ns3cretfrom the hostteam="red"\n'
    secret = next((cluster.home / "pods").glob("*/volumes/keys/token"))
    assert secret.stat().st_mode & 0o077 == 0


async def test_a_volume_that_cannot_be_made_is_told(cluster, tmp_path):
    volumes = [{"name": "host", "hostPath": {"path": str(tmp_path / "none"), "type": "Directory"}}]
    cluster.run("one", shell("true"), volumes=volumes)
    words = f'MountVolume.SetUp failed for volume "host" : hostPath type check failed: {tmp_path}/none'
    await eventually(lambda: any(text.startswith(words) for _, text in cluster.events("one")))
    assert cluster.phase("one") == "Pending"
    assert condition(cluster.pod("one"), "PodReadyToStartContainers") == ("False", None)


async def test_a_kind_of_volume_that_there_is_not_is_told(cluster):
    cluster.run("one", shell("true"), volumes=[{"name": "disk", "nfs": {"server": "x", "path": "/"}}])
    words = "the embedded cluster has no nfs volumes"
    await eventually(lambda: any(words in text for _, text in cluster.events("one")))


async def test_the_working_folder(cluster, tmp_path):
    (tmp_path / "there").mkdir()
    asked = {"none": None, "there": str(tmp_path / "there"), "made": "/made/here", "below": "/data/x"}
    mounts = [{"name": "work", "mountPath": "/data"}]
    containers = [
        container("pwd", name=name, workingDir=folder, volumeMounts=mounts) for name, folder in asked.items()
    ]
    created = cluster.run("one", *containers, volumes=[{"name": "work", "emptyDir": {}}])
    await cluster.ended("one")
    home = cluster.home / "pods" / created["metadata"]["uid"]
    expected = {
        "none": home / "scratch",
        "there": tmp_path / "there",
        "made": home / "scratch" / "made" / "here",
        "below": home / "volumes" / "work" / "x",
    }
    for name, folder in expected.items():
        assert (await cluster.log("one", name)).decode().strip() == str(folder)


async def test_a_working_folder_never_leads_out_of_the_scratch_folder(cluster):
    created = cluster.run("one", container("pwd", workingDir="../../../nowhere-at-all"))
    await cluster.ended("one")
    scratch = cluster.home / "pods" / created["metadata"]["uid"] / "scratch"
    assert (await cluster.log("one")).decode().strip() == str(scratch / "nowhere-at-all")


async def test_python_in_a_pod_is_the_servers_when_the_path_has_none(cluster, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    cluster.run("one", container("python3", "-c", "import sys; print(sys.executable)"))
    await cluster.ended("one")
    assert (await cluster.log("one")).decode().strip() == sys.executable
