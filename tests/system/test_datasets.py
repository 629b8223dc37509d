"""The data sets that other tests rely on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import pytest

from tests.datasets import NPM_ROWS, ROWS, dataset


def rows_of(name: str) -> int:
    """Count the records of a data set."""
    with dataset(name).open(encoding="utf-8", newline="") as file:
        if name.endswith(".csv"):
            return sum(1 for _ in csv.DictReader(file))
        value = json.load(file)
    return len(value["features"] if isinstance(value, dict) else value)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_data_set_has_the_rows_it_is_said_to_have(name: str, exercised: Callable[[str], None]) -> None:
    """Tests that compare what was loaded with `ROWS` compare with the truth."""
    assert ROWS[name] == rows_of(name)
    exercised(f"data: vega-datasets from {'npm' if name in NPM_ROWS else 'Python'}")


def test_an_unknown_data_set_is_an_error() -> None:
    """A slip in a name fails the test that makes it; it does not skip it."""
    with pytest.raises(KeyError):
        dataset("nothing.json")
