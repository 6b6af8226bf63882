"""The own store: what goes in comes out, whatever order it came in, and little room is taken."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
from django.db import connection, transaction

from metrics.models import Chunk, Resolution, Scraped, StoredSeries
from metrics.question import Grid
from metrics.series import METRICS, Labels
from metrics.store import chunks, folding, ranges, thinning
from metrics.store.catalogue import grain_of, numbers_of
from metrics.store.chunks import SPANS
from metrics.store.onto_grid import on_grid
from metrics.store.packing import Grain, Samples, merged, pack, sound, unpack
from metrics.store.staging import Brought, stage

HOUR = 1_790_000_000 // 3600 * 3600


def samples(times, values):
    return Samples(np.array(times, np.int64), np.array(values, float))


@pytest.mark.parametrize(
    "values",
    [[5], [5, 5, 5], [0, 1, -1, 2**40, -(2**40)], [0.1, 0.2, 99.9], [1e15, -1e15]],
    ids=["one", "level", "wild", "parts", "huge"],
)
@pytest.mark.parametrize("apart", [150, 149, 7])
def test_a_chunk_gives_back_what_it_was_given(values, apart):
    given = samples([HOUR * 10 + 3 + apart * n for n in range(len(values))], values)
    back = unpack([(pack(given, HOUR, Grain(0.1, 1)), HOUR)], Grain(0.1, 1))
    assert back.times.tolist() == given.times.tolist()
    assert back.values == pytest.approx(given.values)


def test_a_chunk_is_as_exact_as_its_grain():
    given = samples([HOUR * 10 + 14, HOUR * 10 + 156], [10.04, 10.06])
    back = unpack([(pack(given, HOUR, Grain(0.1)), HOUR)], Grain(0.1))
    assert (back.times - HOUR * 10).tolist() == [10, 160]
    assert back.values == pytest.approx([10.0, 10.1])


def test_a_counter_keeps_its_rate_when_its_times_are_rounded():
    times = np.sort(HOUR * 10 + np.arange(240) * 150 + np.arange(240) * 7 % 11)
    given = samples(times, (times - HOUR * 10) / 10 * 3.0)  # three cores, all the time
    back = unpack([(pack(given, HOUR, Grain(0.01, sloping=True)), HOUR)], Grain(0.01, sloping=True))
    rates = np.diff(back.values) / np.diff(back.times / 10)
    assert rates == pytest.approx(3.0, abs=0.002)


@pytest.mark.parametrize("cuts", [[7], [1, 2, 6], range(1, 8)], ids=["two", "some", "each its own"])
def test_chunks_give_back_together_what_they_were_given(cuts):
    given = samples([HOUR * 10 + 150 * n + n % 3 for n in range(8)], [5, 5, 7, -1, 2**40, 0, 0, 0.5])
    grain, parts = Grain(0.5, 1), (np.split(given.times, cuts), np.split(given.values, cuts))
    packed = [pack(samples(times, values), HOUR, grain) for times, values in zip(*parts, strict=True)]
    back = unpack([(data, HOUR) for data in packed], grain)
    assert back.times.tolist() == given.times.tolist()
    assert back.values.tolist() == given.values.tolist()


def test_what_is_no_number_is_not_kept():
    good = sound(samples([1, 2, 3, 4], [1, np.nan, np.inf, 1e300]), Grain(0.1))
    assert good.values.tolist() == [1]


def test_of_samples_at_the_same_time_the_last_one_counts():
    one = merged([samples([10, 30], [1, 3]), samples([20, 30], [2, 4])])
    assert (one.times.tolist(), one.values.tolist()) == ([10, 20, 30], [1, 2, 4])


# --- onto a grid ---

GRID = Grid(HOUR + 60, 60, 10)


def every(seconds, values, start=HOUR):
    return samples([(start + seconds * n) * 10 for n in range(len(values))], values)


def test_a_gauge_is_averaged_over_each_step():
    values = on_grid(every(15, [0, 10, 20, 30, 40]), Grid(HOUR + 60, 60, 1), 15, counter=False)
    assert values.tolist() == [25]  # the four that end within the minute


def test_a_counter_becomes_its_rate():
    values = on_grid(every(15, [0, 30, 60, 90, 120, 150]), Grid(HOUR + 60, 60, 2), 15, counter=True)
    assert values.tolist() == [2, 2]


def test_a_counter_that_was_reset_rose_from_zero():
    values = on_grid(every(15, [1000, 1030, 30, 60, 90]), Grid(HOUR + 60, 60, 1), 15, counter=True)
    assert values.tolist() == [2]


def test_a_gap_stays_a_gap_and_is_no_zero():
    early, late = every(15, [5] * 8), every(15, [7] * 8, HOUR + 420)
    values = on_grid(merged([early, late]), GRID, 15, counter=False)
    assert values[:2].tolist() == [5, 5]
    assert np.isnan(values[2:6]).all()
    assert values[7:9].tolist() == [7, 7]


def test_one_lost_scrape_is_no_gap():
    times = [HOUR, HOUR + 15, HOUR + 30, HOUR + 75, HOUR + 90, HOUR + 105, HOUR + 120]
    values = on_grid(samples([t * 10 for t in times], [4] * 7), Grid(HOUR + 15, 15, 8), 15, counter=False)
    assert values.tolist() == [4] * 8


def test_no_samples_are_no_figures():
    assert np.isnan(on_grid(samples([], []), GRID, 15, counter=True)).all()


# --- in the database ---


@pytest.fixture
def numbers(cluster, settings):
    """A gauge and a counter of one pod on node-1."""
    settings.METRICS_DAYS = settings.METRICS_MIDDLE_DAYS = 100_000  # the times below are long ago
    labels = Labels(namespace="red", pod="sft-0", pod_uid="u", container="main", node="node-1")
    keys = [("memory", labels), ("cpu", labels)]
    found = numbers_of(cluster.pk, keys)
    return [found[key] for key in keys]


def scrape(cluster, numbers, seconds, *values):
    given = samples([int(seconds * 10)] * len(values), values)
    brought = Brought("node-1", np.array(numbers, np.int32), given.times, given.values)
    stage(cluster.pk, datetime.fromtimestamp(seconds, UTC), [brought])


def read(cluster, numbers, grid):
    return ranges.read(cluster, ["u"], ["memory", "cpu"], grid).values


def test_a_series_has_one_number(cluster, numbers):
    labels = Labels(
        cluster="other name", namespace="red", pod="sft-0", pod_uid="u", container="main", node="node-1"
    )
    assert numbers_of(cluster.pk, [("memory", labels)]) == {("memory", labels): numbers[0]}
    assert StoredSeries.objects.count() == 2


def fill(cluster, numbers, hours=1, start=HOUR):
    for n in range(hours * 240):
        scrape(cluster, numbers, start + n * 15, 4096.0 * n, 30.0 * n)


def test_a_pod_among_many_is_found_by_its_index_before_anybody_counted_them(cluster, numbers, monkeypatch):
    plans = []

    def explained(statement, values):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # nothing else depends on how many there are
            cursor.execute(f"EXPLAIN {statement}", values)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
        return []

    monkeypatch.setattr(ranges, "prepared", explained)
    read(cluster, numbers, Grid(HOUR, 15, 10))
    (found,) = [line for line in plans[0].split("\n") if "Index Cond" in line and "pod_uid" in line]
    assert "cluster_id" in found
    assert "metric" in found


def test_what_is_staged_reads_as_what_is_folded(cluster, numbers):
    fill(cluster, numbers)
    grid = Grid(HOUR + 300, 300, 11)
    before = read(cluster, numbers, grid)
    assert folding.fold(cluster.pk, datetime.fromtimestamp(HOUR + 3600, UTC)) == 480
    assert (Scraped.objects.count(), Chunk.objects.count()) == (0, 2)
    after = read(cluster, numbers, grid)
    assert before[numbers[1]] == pytest.approx(2.0)
    for number in numbers:
        assert after[number] == pytest.approx(before[number])


def test_late_and_repeated_samples_find_their_place(cluster, numbers):
    later = datetime.fromtimestamp(HOUR + 7200, UTC)
    for n in [0, 1, 3, 4]:
        scrape(cluster, numbers, HOUR + n * 15, 4096, 30.0 * n)
    folding.fold(cluster.pk, later)
    for n in [2, 3, 0]:
        scrape(cluster, numbers, HOUR + n * 15, 4096, 30.0 * n)
    folding.fold(cluster.pk, later)
    chunk = Chunk.objects.get(series=numbers[1])
    back = unpack([(chunk.data, chunk.start)], grain_of(METRICS["cpu"], Resolution.RAW))
    assert (back.values.tolist(), (back.times / 10 - HOUR).tolist()) == (
        [0, 30, 60, 90, 120],
        [0, 15, 30, 45, 60],
    )


@pytest.mark.django_db(transaction=True)
def test_who_stands_still_while_folding_takes_nothing_from_who_comes_later(cluster, numbers, monkeypatch):
    """It has read the chunk; what it writes when it wakes must not be older than what is there by then."""
    later = datetime.fromtimestamp(HOUR + 7200, UTC)
    reads, wakes, write, here = threading.Event(), threading.Event(), chunks.write, threading.get_ident()

    def slowly(*words):
        if threading.get_ident() != here:
            reads.set()
            assert wakes.wait(60)
        return write(*words)

    def fold():
        try:
            folding.fold(cluster.pk, later)
        finally:
            connection.close()

    monkeypatch.setattr(chunks, "write", slowly)
    scrape(cluster, numbers, HOUR, 4096, 0.0)
    with ThreadPoolExecutor(1) as others:
        sleeper = others.submit(fold)
        assert reads.wait(60)
        scrape(cluster, numbers, HOUR + 15, 4096, 30.0)
        folding.fold(cluster.pk, later)
        wakes.set()
        sleeper.result(60)
    folding.fold(cluster.pk, later)
    chunk = Chunk.objects.get(series=numbers[1])
    back = unpack([(chunk.data, chunk.start)], grain_of(METRICS["cpu"], Resolution.RAW))
    assert (back.values.tolist(), Scraped.objects.count()) == ([0, 30], 0)


SPAN = SPANS[Resolution.RAW]
BORDER = HOUR // SPAN * SPAN


def test_a_chunk_is_cut_where_it_ends(cluster, numbers):
    for n in range(-2, 2):
        scrape(cluster, numbers, BORDER + n * 15, 4096, 30.0 * (n + 2))
    folding.fold(cluster.pk, datetime.fromtimestamp(BORDER + 3600, UTC))
    starts = Chunk.objects.filter(series=numbers[0]).order_by("start").values_list("start", flat=True)
    assert list(starts) == [BORDER - SPAN, BORDER]
    rates = read(cluster, numbers, Grid(BORDER, 15, 2))
    assert rates[numbers[1]].tolist() == [2, 2]


def test_chunks_of_an_hour_as_they_were_once_read_and_fold_as_those_of_now(cluster, numbers):
    metrics = {numbers[0]: METRICS["memory"], numbers[1]: METRICS["cpu"]}
    for hour in range(4):
        its = [BORDER + hour * 3600 + 15 * n for n in range(240)]
        some = samples([at * 10 for at in its], [2.0 * (at - BORDER) for at in its])
        with transaction.atomic():
            chunks.write(metrics, [(numbers[1], Resolution.RAW, BORDER + hour * 3600, some)])
    grid = Grid(BORDER + 600, 600, 23)
    assert read(cluster, numbers, grid)[numbers[1]] == pytest.approx(2.0)
    for late in (BORDER + 7, BORDER + 3 * 3600 + 7):
        scrape(cluster, numbers, late, 4096, 2.0 * (late - BORDER))
    folding.fold(cluster.pk, datetime.fromtimestamp(BORDER + SPAN, UTC))
    assert read(cluster, numbers, grid)[numbers[1]] == pytest.approx(2.0)
    assert Chunk.objects.filter(series=numbers[1]).count() == 4


def test_samples_of_a_series_that_was_forgotten_are_let_go(cluster, numbers):
    scrape(cluster, numbers, HOUR, 4096, 30)
    StoredSeries.objects.get(pk=numbers[0]).delete()
    folding.fold(cluster.pk, datetime.fromtimestamp(HOUR + 3600, UTC))
    assert list(Chunk.objects.values_list("series", flat=True)) == [numbers[1]]


DAY = HOUR // 86_400 * 86_400


def test_a_day_that_is_over_is_thinned_and_reads_the_same(cluster, numbers):
    fill(cluster, numbers, hours=3, start=DAY)
    folding.fold(cluster.pk, datetime.fromtimestamp(DAY + 86_400, UTC))
    grid = Grid(DAY + 600, 600, 17)
    before = read(cluster, numbers, grid)
    assert thinning.thin(cluster.pk, DAY + 86_400) == 0, "it may not be over yet"
    assert thinning.thin(cluster.pk, DAY + 86_400 + thinning.LATE_SECONDS) == 2
    assert Chunk.objects.filter(resolution=Resolution.FIVE_MINUTES).count() == 2
    Chunk.objects.filter(resolution=Resolution.RAW).delete()
    after = read(cluster, numbers, grid)
    assert before[numbers[1]] == pytest.approx(2.0)
    for number in numbers:
        assert after[number] == pytest.approx(before[number], abs=4096 if number == numbers[0] else 0.01)
    hourly = read(cluster, numbers, Grid(DAY + 3600, 3600, 3))
    assert hourly[numbers[1]] == pytest.approx(2.0)


def test_the_last_step_of_what_is_thinned_is_not_that_of_its_last_seconds(cluster, numbers):
    """The first sample of the next day says what the fifteen seconds before midnight held, and no more."""
    end = DAY + 86_400
    for n in range(-240, 240):
        scrape(cluster, numbers, end + n * 15, 4096.0 * (100 if n < 0 else 1), 0.0)
    folding.fold(cluster.pk, datetime.fromtimestamp(end + 86_400, UTC))
    assert thinning.thin(cluster.pk, end + thinning.LATE_SECONDS) == 2
    for step in (300, 3600, 86_400):
        (last,) = read(cluster, numbers, Grid(end, step, 1))[numbers[0]]
        known = min(step, 3600)
        assert last == pytest.approx(4096 * (100 - 99 * 15 / known), abs=4096), f"a step of {step} s"
    assert read(cluster, numbers, Grid(end + 3600, 3600, 1))[numbers[0]] == pytest.approx([4096])


def test_the_last_seconds_before_midnight_are_in_the_mean(cluster, numbers):
    """The sample seven seconds after it says what they held."""
    end = DAY + 86_400
    for n in range(-40, 40):
        scrape(cluster, numbers, end + n * 15 + 7, 4096.0 * (300 if n >= 0 else 0), 30.0 * n)
    folding.fold(cluster.pk, datetime.fromtimestamp(end + 86_400, UTC))
    thinning.thin(cluster.pk, end + thinning.LATE_SECONDS)
    Chunk.objects.filter(resolution=Resolution.RAW).delete()
    found = read(cluster, numbers, Grid(end, 300, 1))
    assert found[numbers[0]] == pytest.approx([4096 * 8])
    assert found[numbers[1]] == pytest.approx([2.0])


def test_the_days_of_a_month_share_a_chunk(cluster, numbers):
    month = DAY // (30 * 86_400) * 30 * 86_400
    for day in (0, 1):
        fill(cluster, numbers, start=month + day * 86_400)
        folding.fold(cluster.pk, datetime.fromtimestamp(month + (day + 1) * 86_400, UTC))
        assert thinning.thin(cluster.pk, month + (day + 2) * 86_400) == 2
    chunk = Chunk.objects.get(series=numbers[1], resolution=Resolution.HOUR)
    back = unpack([(chunk.data, month)], grain_of(METRICS["cpu"], Resolution.HOUR))
    assert ((back.times // 10 - month) // 3600).tolist() == [1, 25]
    assert back.values == pytest.approx([2, 2])


def test_what_is_too_old_is_forgotten_and_then_its_series(cluster, numbers, settings):
    scrape(cluster, numbers, HOUR, 4096, 30)
    folding.fold(cluster.pk, datetime.fromtimestamp(HOUR + 3600, UTC))
    StoredSeries.objects.update(created_at=datetime.fromtimestamp(HOUR, UTC))
    settings.METRICS_DAYS = 1
    assert thinning.forget(datetime.fromtimestamp(BORDER + SPAN + 86_400, UTC)) == 0
    assert thinning.forget(datetime.fromtimestamp(BORDER + SPAN + 86_401, UTC)) == 2
    assert not StoredSeries.objects.exists()
