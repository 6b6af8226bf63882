"""New Workload: the form, its preview, what it refuses and in which words, copies and the sample."""

import html
import json
import re

import pytest
import yaml

from runyard.clusters.models import Node
from tests.make import make_pod, make_workload
from workloads.models import Workload
from workloads.tools import TOOL_KINDS, declared

GOOD = {
    "name": "redwood-sft",
    "project": "red",
    "image": "registry.example/torch:2.6",
    "command": "python train.py --note 'two words'",
    "arguments": "--epochs 3",
    "gpus": "2",
    "cpu": "500m",
    "memory": "8 GiB",
    "retries": "1",
    "env-name": ["LOG_LEVEL", ""],
    "env-value": ["info", ""],
}


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    monkeypatch.setattr("workloads.tasks.wake_all", lambda actions: None)


@pytest.fixture
def form(ada, cluster, browse):
    """Post the form as Ada, with some fields changed."""
    client = browse(ada)
    return lambda **changed: client.post("/workloads/new", GOOD | changed)


def said(response):
    return response.content.decode()


def test_ada_submits_what_she_typed(ada, form):
    response = form()
    workload = Workload.objects.get()
    assert response["Location"] == f"/workloads/{workload.pk}/"
    container = workload.manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["python", "train.py", "--note", "two words"]
    assert container["args"] == ["--epochs", "3"]
    assert container["env"] == [{"name": "LOG_LEVEL", "value": "info"}]
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "8Gi", "nvidia.com/gpu": "2"}
    assert (workload.created_by, workload.project.name, workload.namespace) == (ada, "red", "red")
    assert workload.manifest["spec"]["backoffLimit"] == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Give the workload a name."),
        ("name", "Not_A_Label", "lower-case letters"),
        ("name", "a" * 64, "At most 63"),
        ("name", "pay\u202eroll", "lower-case letters"),
        ("image", "", "Give an image"),
        ("image", "torch\n--privileged", "without spaces"),
        ("command", "", "Give a command"),
        ("command", "python 'open", "never closed"),
        ("command", "x" * 40_000, "At most 32 KiB"),
        ("arguments", "\0", "NUL"),
        ("gpus", "-1", "whole number of GPUs"),
        ("gpus", "1e9", "whole number of GPUs"),
        ("gpus", "99999", "At most 1024"),
        ("gpus", "２", "whole number of GPUs"),
        ("cpu", "12 tomatoes", "Give cores"),
        ("cpu", "-1", "too little"),
        ("memory", "12 potatoes", "with a unit"),
        ("memory", "9999999Ei", "more than any node has"),
        ("retries", "-1", "whole number from 0"),
        ("retries", "many", "whole number from 0"),
        ("project", "", ""),
        ("project", "blue", "Choose one of your projects."),
        ("env-name", ["1BAD"], "is no variable name"),
        ("env-value", ["x" * (1024 * 1024)], "larger than 128 KiB"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(form, blue, field, value, words):
    if (field, value) == ("project", ""):
        return None if form(project="").status_code == 302 else pytest.fail("the only project is chosen")
    response = form(**{field: value})
    assert response.status_code == 422
    text = said(response)
    at = "environment" if field.startswith("env") else field
    error = text[text.index(f'id="{at}-error"') :].split("</p>")[0]
    assert words in error.replace("&#39;", "'")
    assert "registry.example" in text or field == "image"
    assert Workload.objects.count() == 0
    return None


def workspace(*kinds, **more):
    empty = [""] * len(kinds)
    row = {"tool-kind": kinds, "tool-name": empty, "tool-port": empty, "tool-path": empty}
    return {"kind": "workspace", "image": "", "command": "", "arguments": ""} | row | more


def test_a_workspace_without_a_tool_is_asked_for_that_alone(form):
    page = html.unescape(said(form(**workspace(""))))
    assert "Choose at least one tool" in page
    assert "One field needs you: Tools" in page
    assert "Give an image" not in page


def test_a_tool_that_people_know_brings_its_image_and_its_command(form):
    assert form(**workspace("jupyter"))["Location"]
    [container] = Workload.objects.get().manifest["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["command"][:2]) == ("jupyter/minimal-notebook", ["jupyter", "lab"])


def test_what_a_tool_brings_stands_in_the_fields_that_are_left_empty(ada, cluster, browse):
    def placeholders(**changed):
        [told] = re.findall("data-placeholders='([^']*)'", preview(browse(ada), **changed))
        return json.loads(html.unescape(told))

    brought = placeholders(**workspace("", "jupyter") | {"tool-port": ["", "9999"]})
    assert brought["image"] == "jupyter/minimal-notebook"
    assert brought["command"].startswith("jupyter lab --ip=$(POD_IP) --port=9999")
    examples = placeholders(image="", command="")
    assert examples == {"image": "registry.example/torch:2.6", "command": "python train.py"}


def test_each_tool_to_choose_has_its_usual_name_port_and_path(ada, cluster, browse):
    page = browse(ada).get("/workloads/new").content.decode()
    for kind in TOOL_KINDS.values():
        usual = f'data-name="{kind.name}" data-port="{kind.port}" data-path="{kind.path}"'
        assert f'<option value="{kind.name}" {usual}>{kind.title}</option>' in page


def test_of_two_tools_none_is_left_out_in_silence(form):
    page = html.unescape(said(form(**workspace("jupyter", "tensorboard"))))
    assert "give one that starts them all" in page
    both = workspace("jupyter", "tensorboard", command="sh start.sh")
    assert form(**both)["Location"]
    annotations = Workload.objects.get().manifest["spec"]["template"]["metadata"]["annotations"]
    assert [tool.name for tool in declared(annotations)] == ["jupyter", "tensorboard"]


def test_a_name_that_is_taken_is_refused_at_the_name(form, red, cluster):
    make_workload(red, cluster, name="redwood-sft")
    response = form()
    assert response.status_code == 422
    assert "There is a workload redwood-sft in project red already" in said(response)


def test_the_first_wrong_field_gets_the_focus(form):
    text = said(form(cpu="none", image=""))
    focused = text[: text.index("autofocus")].rsplit("<", 1)[1]
    assert 'id="image"' in focused
    assert "2 fields need you: Image, CPU" in text


def test_typed_markup_comes_back_as_text(form):
    text = said(form(command='"><script>alert(1)</script>', name="<b>"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_eve_cannot_submit_into_red(eve, red, cluster, browse):
    response = browse(eve).post("/workloads/new", GOOD)
    assert response.status_code == 422
    assert Workload.objects.count() == 0


def test_a_viewer_is_told_which_role_it_takes(vi, cluster, browse):
    client = browse(vi)
    assert "Submitting needs the role" in said(client.get("/workloads/new"))
    client.post("/workloads/new", GOOD)
    assert Workload.objects.count() == 0


def test_a_body_beyond_all_bounds_is_refused(ada, cluster, browse):
    response = browse(ada).post("/workloads/new", GOOD | {"command": "x" * 3_000_000})
    assert response.status_code == 400
    assert Workload.objects.count() == 0
    many = browse(ada).post("/workloads/new", GOOD | {"env-name": ["A"] * 6_000})
    assert many.status_code == 400


def preview(client, **changed):
    response = client.post("/workloads/new/preview", GOOD | changed, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return said(response)


@pytest.mark.parametrize(
    ("gpus", "memory", "words"),
    [
        ("2", "8Gi", "Starts now."),
        ("9", "8Gi", "9 GPUs asked for, the largest node has 8 GPUs"),
        ("7", "8Gi", "Will wait."),
    ],
)
def test_the_preview_says_whether_it_fits(ada, red, cluster, browse, gpus, memory, words):
    _node(cluster)
    busy = make_workload(red, cluster, name="busy", gpu_millis=3000, cpu_millis=1000, memory_bytes=2**30)
    _on_node(busy)
    assert words in preview(browse(ada), gpus=gpus, memory=memory)


def test_the_preview_says_that_nothing_is_free_as_a_number(ada, red, cluster, browse):
    _node(cluster)
    busy = make_workload(red, cluster, name="busy")
    make_pod(busy, node="node-1", cpu_millis=16000, memory_bytes=64 * 2**30, scheduled=True)
    text = preview(browse(ada), gpus="0", cpu="1", memory="8Gi")
    assert "1 CPU asked for, 0 CPU free on node-1; 8 GiB of memory asked for, 0 GiB of memory free" in text


def _node(cluster):
    Node.objects.create(
        cluster=cluster, uid="n1", name="node-1", resource_version="1", ready=True,
        cpu_millis=16000, memory_bytes=64 * 2**30, gpus=8,
    )  # fmt: skip


def _on_node(workload):
    make_pod(workload, node="node-1", gpu_millis=3000, scheduled=True)


def test_the_preview_shows_the_yaml_and_only_the_errors_of_what_was_filled(ada, cluster, browse):
    text = preview(browse(ada), changed="cpu", cpu="12 tomatoes", image="")
    assert "apiVersion: batch/v1" in text
    assert "namespace: red" in text
    assert '<p class="error" id="cpu-error" hx-swap-oob="true">Give cores, such as 12 or 500m.' in text
    assert 'id="image-error"' not in text
    assert '<p class="hint" id="needs" hx-swap-oob="true">2 fields need you: Image, CPU</p>' in text
    assert "<button" not in text  # one that a preview replaces is gone from under the finger


def test_a_copy_opens_filled_with_a_name_of_its_own(ada, form, browse):
    form()
    source = Workload.objects.get()
    text = said(browse(ada).get(f"/workloads/new?copy={source.pk}"))
    assert 'value="redwood-sft-2"' in text
    assert "--note &#39;two words&#39;" in text
    assert 'value="LOG_LEVEL"' in text


@pytest.mark.parametrize("copy", ["999999999", "x", "9" * 30, "-1"])
def test_a_copy_of_what_is_not_there_or_not_hers_is_the_same_404(eve, ada_training, browse, copy):
    client = browse(eve)
    absent = client.get(f"/workloads/new?copy={copy}")
    forbidden = client.get(f"/workloads/new?copy={ada_training.pk}")
    assert (absent.status_code, forbidden.status_code) == (404, 404)
    assert absent.content == forbidden.content


def test_the_sample_is_one_click_where_pods_read_our_files(ada, cluster, browse, settings):
    settings.MODE = "embedded"
    client = browse(ada)
    client.post("/workloads/sample")
    client.post("/workloads/sample")
    names = list(Workload.objects.order_by("pk").values_list("name", flat=True))
    assert len(set(names)) == 2
    assert Workload.objects.first().spec["command"].endswith("examples/train.py")


def test_elsewhere_the_sample_fills_the_form_with_a_script_any_image_runs(ada, cluster, browse):
    client = browse(ada)
    assert client.post("/workloads/sample")["Location"] == "/workloads/new?sample=1"
    form = said(client.get("/workloads/new?sample=1"))
    command = html.unescape(re.search(r'name="command".*?>\n(.*?)</textarea>', form, re.S)[1])
    assert Workload.objects.count() == 0
    client.post("/workloads/new", GOOD | {"command": command.replace("\n", "\r\n")})  # as browsers send it
    program = Workload.objects.get().manifest["spec"]["template"]["spec"]["containers"][0]["command"]
    assert program[:2] == ["python", "-c"]
    compile(program[2], "sample", "exec")
    assert "\nfor step in" in program[2]


def test_the_yaml_shown_can_be_applied_by_hand(ada, cluster, browse):
    shown = preview(browse(ada))
    job = yaml.safe_load(html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", shown, re.S)[1]))
    assert job["metadata"] == {"name": GOOD["name"], "namespace": "red"}
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["--epochs", "3"]
