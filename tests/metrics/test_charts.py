"""Figures of charts: which lines there are, in which unit, and that they are small."""

import gzip

import numpy as np
import orjson
import pytest

from metrics.charts import CHARTS, MOST_LINES, Mark, shown
from metrics.drawing import drawn_in, isolated
from metrics.question import Grid
from metrics.reading import Reading
from metrics.series import Labels, Series, Unit

GRID = Grid(1_790_000_100, 60, 3)
OF = {chart.key: chart for chart in CHARTS}
NAN = float("nan")


def line(metric, values, pod="sft-0", **labels):
    grid = Grid(GRID.start, GRID.step, len(values))
    return Series(metric, Labels(pod=pod, pod_uid=pod, **labels), grid.times, np.array(values, float))


def told(one):
    """The figure as the browser gets it."""
    return orjson.loads(orjson.dumps(one.figure, option=orjson.OPT_SERIALIZE_NUMPY))


def test_one_pod_is_one_line_with_gaps_and_its_request():
    one = shown(OF["cpu"], Reading(GRID, [line("cpu", [0.5, NAN, 0.25])]), [Mark("request", 1)])
    assert told(one) == {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "sft-0",
                "x0": 1_790_000_100_000,
                "dx": 60_000,
                "y": [0.5, None, 0.25],
                "line": {"color": "--s1", "width": 2},
                "marker": {"size": 4},
                "opacity": 1,
            }
        ],
        "layout": {
            "height": 190,
            "margin": {"l": 52, "r": 12, "t": 8, "b": 26},
            "xaxis": {"type": "date", "range": [1_790_000_040_000, 1_790_000_220_000]},
            "yaxis": {"range": [0, 1.1], "ticksuffix": "", "fixedrange": True, "nticks": 5},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": 1.0,
                    "y1": 1.0,
                    "line": {"color": "--wait", "width": 1, "dash": "dash"},
                    "label": {
                        "text": "request",
                        "textposition": "start",
                        "yanchor": "bottom",
                        "font": {"size": 10, "color": "--wait"},
                    },
                }
            ],
        },
    }
    assert one.lines == [("sft-0", "0.25", "0.38", "0.25", "0.5")]
    assert one.at == GRID.start + 120


def test_without_figures_there_are_the_words_of_the_reading():
    one = shown(OF["cpu"], Reading(GRID, [], empty={"cpu": "No pod of it ran in this time."}))
    assert (one.figure, one.empty) == (None, "No pod of it ran in this time.")


def test_both_ways_of_a_network_are_sums_of_all_pods():
    read = [line("network_received", [1024, 2048, 2048], pod) for pod in ("a", "b")]
    one = shown(OF["network"], Reading(GRID, [*read, line("network_sent", [1, 1, 1])]))
    assert [(t["name"], t["y"]) for t in told(one)["data"]] == [
        ("received", [2.0, 4.0, 4.0]),
        ("sent", [0.0, 0.0, 0.0]),
    ]
    assert told(one)["layout"]["yaxis"]["ticksuffix"] == " KiB/s"


def test_of_many_lines_the_highest_are_drawn_and_the_rest_is_counted():
    many = [line("cpu", [n, n, n], f"pod-{n}") for n in range(40)]
    one = shown(OF["cpu"], Reading(GRID, many))
    names = [trace["name"] for trace in told(one)["data"]]
    assert (len(names), names[0], names[-1], one.left_out) == (
        MOST_LINES + 1,
        "pod 39",
        "mean",
        40 - MOST_LINES,
    )
    assert one.lines[0][1] == "19.5"


def test_a_limit_far_above_all_figures_is_told_and_not_drawn():
    marks = [Mark("request", 2), Mark("limit", 512, "dot")]
    one = shown(OF["cpu"], Reading(GRID, [line("cpu", [1, 1, 1])]), marks)
    assert [shape["label"]["text"] for shape in told(one)["layout"]["shapes"]] == ["request"]
    assert one.levels == ["request 2", "limit 512"]


def test_the_name_of_a_level_at_the_top_hangs_from_it():
    one = shown(OF["gpu_compute"], Reading(GRID, [line("gpu_compute", [90, 90, 90])]), [Mark("request", 100)])
    assert told(one)["layout"]["shapes"][0]["label"]["yanchor"] == "top"


def test_gpus_of_one_pod_go_by_their_numbers_and_slices():
    gpus = [
        line("gpu_compute", [1, 1, 1], gpu="0", gpu_uuid="GPU-a", mig="1g.10gb/7"),
        line("gpu_compute", [3, 3, 3], gpu="1", gpu_uuid="GPU-b"),
    ]
    one = shown(OF["gpu_compute"], Reading(GRID, gpus))
    assert [name for name, *_ in one.lines] == ["mean", "GPU 0 1g.10gb/7", "GPU 1"]


def test_figures_of_nothing_but_zero_have_an_axis_too():
    one = shown(OF["cpu"], Reading(GRID, [line("cpu", [0, 0, 0])]))
    assert told(one)["layout"]["yaxis"]["range"] == [0, 1]


@pytest.mark.parametrize(
    ("unit", "highest", "value", "words"),
    [
        (Unit.BYTES, 80 * 2**30, 61.25 * 2**30, "61.2 GiB"),
        (Unit.BYTES, 0, 0, "0 B"),
        (Unit.BYTES_A_SECOND, 5 * 2**20, 2**20, "1 MiB/s"),
        (Unit.CORES, 0.02, 0.0123, "0.0123"),
        (Unit.CORES, 2000, 1234.4, "1,234"),
        (Unit.PERCENT, 100, 66.66, "66.7 %"),
        (Unit.CELSIUS, 70, 70, "70 °C"),
    ],
)
def test_figures_are_told_in_the_unit_people_read(unit, highest, value, words):
    assert drawn_in(unit, highest).words(value) == words


@pytest.mark.parametrize(
    ("values", "found"),
    [([1, NAN, NAN], True), ([NAN, 1, 1], False), ([1, 1, NAN], False), ([NAN, NAN, 2], True)],
)
def test_a_value_alone_between_gaps_is_drawn_as_a_point(values, found):
    assert isolated(np.array(values, float)) is found


def test_eight_lines_of_five_hundred_points_weigh_ten_kilobytes():
    steps = np.random.default_rng(7).normal(0, 4, (8, 500)).cumsum(axis=1)
    gpus = [
        line("gpu_compute", 50 + 45 * np.sin(row / 20), gpu=str(n), gpu_uuid=str(n))
        for n, row in enumerate(steps)
    ]
    body = orjson.dumps(
        shown(OF["gpu_compute"], Reading(GRID, gpus)).figure, option=orjson.OPT_SERIALIZE_NUMPY
    )
    assert len(gzip.compress(body, 6)) <= 10 * 1024 * 9 / 8, "with the mean it has nine lines"
