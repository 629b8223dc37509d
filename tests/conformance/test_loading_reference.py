"""
Whatever is sent, and wherever loading is cut short, every destination ends with what the slow reference says.

`make model EXAMPLES=5000` looks for a counterexample for as long as one likes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arrivals import BATCHED_AT_MS, arrival
from tests.conformance.destinations import Warehouse, warehouse
from tests.conformance.reference import Reference, counted
from tidegate.destinations import DESTINATIONS, connect
from tidegate.loader.load import Load, Source, load_arrivals
from tidegate.logs import open_log
from tidegate.tables.prepare import Arrival

if TYPE_CHECKING:
    from tidegate.destinations.base import Destination, Loaded
    from tidegate.tables.model import Change, Part, Span

EXAMPLES = int(os.environ.get("TIDEGATE_MODEL_EXAMPLES", "12"))
DEATHS_MAX = 6
STEPS_MAX = 24
"""A load of some batches has about as many steps, changes and parts taken together."""

SYSTEM = {
    *("_sdc_received_at", "_sdc_batched_at", "_sdc_sequence", "_sdc_table_version"),
    *("__sdc_primary_key", "_sdc_source_key___sdc_primary_key"),
}
_numbers = itertools.count()


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"loading against the reference: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


# --- What is sent ------------------------------------------------------------------------------------------

FINE = [Decimal("0.100000000000000000000000000001"), Decimal("-1.25"), Decimal("3E-31")]
LARGE = [Decimal("123456789012345678901234567890.5"), Decimal("9E+29"), Decimal("-1.25")]
"""Together they need more digits than a warehouse may have; one example has the one or the other."""

SCALARS: list[Any] = [
    *(None, True, False, datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)),
    *(0, 1, -5, 2**63 - 1, -(2**63), 2**63, -(10**29)),
    *(1.5, -0.25, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("nan")),
    *("x", "", " ", "1", "null", "\u00e9\U0001f980", "e\u0301", "a\0b", "\ud83d", "\ufeff\u202e"),
    Decimal("1234567890123456789012345678901234567890.12345"),
]


def values(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects and arrays of values. Their names tell them apart, so that no two subtables share one."""
    objects = st.dictionaries(st.sampled_from(["o1", "o2"]), inner, max_size=2)
    return objects | st.lists(inner.map(as_element), max_size=3)


def as_element(value: Any) -> Any:
    """Return an object as one that stands in an array."""
    return {f"e{name[1:]}": each for name, each in value.items()} if type(value) is dict else value


def records(decimals: Sequence[Decimal]) -> st.SearchStrategy[dict[str, Any]]:
    """Records with two fields of anything, and some whose names are one, or none, once they are cleaned."""
    scalars = st.sampled_from([*SCALARS, *decimals])
    anything = st.dictionaries(
        st.sampled_from(["a", "b"]), st.recursive(scalars, values, max_leaves=5), max_size=2
    )
    spellings = st.dictionaries(st.sampled_from(["c", "1c", "\u00e7c", "\u00e9"]), scalars, max_size=2)
    return st.builds(lambda one, other: one | other, anything, st.just({}) | st.just({}) | spellings)


KEYS = st.sampled_from([0, 1, 2, 2, 1, 0, "0", 2**63])


@st.composite
def batches(draw: st.DrawFn, records: st.SearchStrategy[dict[str, Any]], *, keyed: bool) -> Arrival:
    """Return one batch: a few records, with or without version and activation."""
    data = draw(st.lists(records, max_size=3))
    return arrival(
        *({"id": draw(KEYS) if keyed else 1} | record for record in data),
        keys=("id",) if keyed else (),
        table_name="t",
        sequences=[draw(st.integers(0, 3)) for _ in data],
        table_version=draw(st.sampled_from([None, None, 1, 1, 2, 3])),
        activates=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def requests(draw: st.DrawFn, *, keyed: bool) -> list[Arrival]:
    """Return what is accepted, in order: a first record that loads, then batches, some of them twice."""
    first = arrival({"id": 0}, keys=("id",) if keyed else (), table_name="t", sequences=[0])
    some = records(draw(st.sampled_from([FINE, LARGE])))
    sent = draw(st.lists(batches(some, keyed=keyed), max_size=6))
    again = draw(st.lists(st.sampled_from(sent), max_size=2)) if sent else []
    each = [first, *draw(st.permutations([*sent, *again]))]
    # Nothing that was accepted shares an object with another request: each is read from its own bytes.
    return [replace(deepcopy(one), position=position) for position, one in enumerate(each, start=1)]


# --- How it is loaded --------------------------------------------------------------------------------------


class Died(BaseException):
    """The process is no more. No part of the product may catch this."""


class Mortal:
    """A destination whose process dies after so many steps: before or after a change, a part, a commit."""

    def __init__(self, destination: Destination, steps: int | None) -> None:
        self._destination = destination
        self._left = steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._destination, name)

    def apply(self, change: Change) -> None:
        """Make one change."""
        self._step()
        self._destination.apply(change)
        self._step()

    def load(self, parts: Sequence[Part], span: Span, *, rehearse: bool = False) -> Loaded:
        """Write all parts, unless it dies between two of them."""
        loaded = self._destination.load(Parts(parts, self._step), span, rehearse=rehearse)
        self._step()
        return loaded

    def _step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Died


class Parts(list["Part"]):
    """Parts whose reader takes a step before each and after the last."""

    def __init__(self, parts: Sequence[Part], step: Callable[[], None]) -> None:
        super().__init__(parts)
        self._step = step

    def __iter__(self) -> Iterator[Part]:
        """Go through the parts."""
        for part in super().__iter__():
            self._step()
            yield part
        self._step()


def load_all(
    shop: Warehouse, sent: Sequence[Arrival], schema: str, data: st.DataObject, *, append_only: bool
) -> list[Sequence[Arrival]]:
    """
    Load in stretches of any length, dying now and then; what a stretch begins with the warehouse says.

    Returns what each load that was committed had loaded.
    """
    deaths, done = 0, 0
    loads: list[Sequence[Arrival]] = []
    while True:
        progress = shop.destination.progress(schema)
        start = progress.upto if progress is not None else 0
        if start > done:
            loads.append(sent[done:start])
            done = start
        if start == len(sent):
            return loads
        upto = data.draw(st.integers(start + 1, len(sent)), label="upto")
        steps = data.draw(st.none() | st.integers(0, STEPS_MAX), label="steps to live")
        load = Load(journal_id=schema, before=progress, start=start, upto=upto, batched_at_ms=BATCHED_AT_MS)
        with suppress(Died):
            load_arrivals(
                cast("Destination", Mortal(shop.destination, None if deaths >= DEATHS_MAX else steps)),
                {1: sent[start:upto]},
                load,
                {1: Source(source_id=1, schema_name=schema, append_only=append_only)},
                log=LOG,
            )
            continue
        deaths += 1
        shop.destination.close()
        shop.destination.open()


LOG = open_log(log_format="json", log_level="error", process="model")


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), keyed=st.booleans(), append_only=st.booleans())
def test_any_requests_end_as_the_reference_says(
    shop: Warehouse, data: st.DataObject, keyed: bool, append_only: bool
) -> None:
    """Rows, columns, elements, rejections are the same, however often loading dies. (L10 to L84)"""
    schema = f"s{next(_numbers)}"
    sent = data.draw(requests(keyed=keyed), label="sent")
    capabilities = shop.destination.capabilities
    reference = Reference(
        "t",
        keyed,
        digits_max=capabilities.decimal_digits_max,
        keeps_nul=capabilities.keeps_nul_in_text,
        append_only=append_only,
    )
    for each in load_all(shop, sent, schema, data, append_only=append_only):
        reference.load(each)
    tables = {table.name: table for table in shop.destination.tables(schema)}
    assert {"_sdc_rejected", *reference.fields} == set(tables)
    found = look(shop, schema, [*tables])
    assert len(reference.rejected) == len(found.pop("_sdc_rejected"))
    assert sorted(reference.rejected) == sorted(
        (row["position"], row["place"]) for row in found.pop("rejected")
    )
    for name, expected in reference.contents().items():
        own = {column.name for column in tables[name].columns} - SYSTEM
        keys = {column for column in own if column.startswith(("_sdc_source_key", "_sdc_level"))}
        assert reference.columns(name) == own - keys
        assert expected == counted(
            {column: row[column] for column in own if row[column] is not None} for row in found[name]
        )


def look(shop: Warehouse, schema: str, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of tables and of `rejected`, then drop it all: no example is slower than the first."""
    kept = "rejected" in {table.name for table in shop.destination.tables("_tidegate")}
    queries = {name: f'select * from "{schema}"."{name}"' for name in names}
    if kept:
        queries["rejected"] = f"select * from _tidegate.rejected where journal_id = '{schema}'"
    found = {"rejected": [], **shop.taken(queries, f'drop schema "{schema}" cascade')}
    if shop.kind == "memory":
        shop.destination = connect("memory://")
    return found
