"""What the bench says of its figures: medians, how sure they are, and whether a budget is met."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import at_least, at_most, median_range, not_measured, percentile, seen
from bench.load import schedule
from bench.records import flat, nested, wide, wide_schema

VALUES = st.lists(st.floats(0.001, 1e9), min_size=1, max_size=40)


@given(VALUES)
def test_the_median_lies_in_its_range_and_the_range_in_the_spread(values: list[float]) -> None:
    """Whatever was measured, the range of the median holds the median and nothing that was not seen."""
    low, high = median_range(values)
    assert min(values) <= low <= statistics.median(values) <= high <= max(values)


def test_the_true_median_is_in_the_range_as_often_as_said() -> None:
    """Of many samples of fifteen, at least 95 in a hundred have the true median in their range."""
    chance = random.Random(1)  # noqa: S311 - a sample, no secret
    held = 0
    for _ in range(4_000):
        low, high = median_range([chance.expovariate(1.0) for _ in range(15)])
        held += low <= 0.693147 <= high
    assert held / 4_000 > 0.95


def test_many_runs_narrow_the_range() -> None:
    """With fifteen runs three on each side may be outliers, with five none."""
    assert (3, 11) == median_range(range(15))
    assert (0, 4) == median_range(range(5))


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_a_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    """It is one of the values, and at least that share of them is not greater."""
    found = percentile(values, share)
    assert found in values
    assert sum(each <= found for each in values) >= share * len(values)


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """Neighbours are compared with each other: one slow round of both changes nothing."""
    line = at_least("B0", "x", "records/s", 0.5, [60, 6, 60], [100, 10, 100])
    assert (0.6, True, True) == (line.ratio, line.met, line.sure)


def test_a_budget_is_unsure_where_the_runs_disagree() -> None:
    """The median says whether it is met; runs on the other side say that this is not certain."""
    line = at_most("B0", "x", "s", 2, [1.0, 1.5, 2.5])
    assert (True, False) == (line.met, line.sure)


def test_one_run_is_not_sure() -> None:
    """A single run says whether it met the budget, and no more than that."""
    line = at_most("B6", "x", "MB", 400, [241.0])
    assert (True, False) == (line.met, line.sure)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    """Its line stands in the table with the reason."""
    line = not_measured("B0", "x", "<= 2 s", "no server")
    assert (None, False, "no server") == (line.met, line.measured, line.why)


def test_a_figure_without_a_budget_is_not_judged() -> None:
    """It has a value and a spread, and no verdict."""
    line = seen("latency", "x", "ms", [1.0, 3.0, 2.0])
    assert (2.0, None, "") == (line.value, line.met, line.budget)


@pytest.mark.parametrize("even", [True, False])
def test_due_times_grow_at_the_rate_asked_for(even: bool) -> None:
    """Ten thousand requests at 500/s are due within about 20 s, each after the one before."""
    due = schedule(10_000, 500, even=even)
    assert sorted(due) == due
    assert 20 == pytest.approx(due[-1], rel=0.05)


def test_random_due_times_come_in_bunches() -> None:
    """Senders that know nothing of each other are as irregular as their mean distance is long."""
    due = schedule(10_000, 500, even=False)
    gaps = [later - sooner for sooner, later in itertools.pairwise(due)]
    assert 1 / 500 == pytest.approx(statistics.stdev(gaps), rel=0.1)


def test_every_fifth_record_is_an_update() -> None:
    """New ids grow without gaps, and about a fifth of the records has an id that was there before."""
    ids = [record["id"] for record in flat(5_000)]
    assert set(ids) == set(range(max(ids) + 1))
    assert 0.2 == pytest.approx(1 - len(set(ids)) / len(ids), abs=0.02)


def test_nested_records_have_one_object_and_three_elements() -> None:
    """They are the flat records with one object and one array of three objects more."""
    for plain, record in zip(flat(50), nested(50), strict=True):
        assert plain == {name: record[name] for name in plain}
        assert 3 == len(record["lines"])
        assert {"street", "zip"} == set(record["address"])


def test_wide_records_have_a_value_in_every_field() -> None:
    """A record of so many fields has them all beside its id, as its schema says."""
    (record,) = wide(1, 1_000)
    assert list(wide_schema(1_000)["properties"]) == list(record)
    assert None not in record.values()
