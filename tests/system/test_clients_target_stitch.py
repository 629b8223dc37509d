"""The published `target-stitch` against the running server; the warehouse is looked at afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import python_client
from tests.clients.faults import Fault, faulty_proxy
from tests.conformance.destinations import ADDRESSES
from tests.product import Product

pytestmark = pytest.mark.xdist_group("target-stitch")
Exercised = Callable[[str], None]
Run = Callable[..., subprocess.CompletedProcess[str]]
NAME = "client: target-stitch 4.0.3"
NOBODY = "at_" + "x" * 43
SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["null", "string"]},
        "amount": {"type": ["null", "number"], "multipleOf": 1e-10},
        "seen_at": {"type": ["null", "string"], "format": "date-time"},
    },
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product with two gates, so that requests side by side are answered by both."""
    running = Product(
        tmp_path_factory.mktemp("target") / "data",
        flags=("--workers", "2"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


@pytest.fixture
def target(product: Product, tmp_path: Path) -> Run:
    """Runs target-stitch on Singer messages, with the documented configuration."""
    programs = python_client("target-stitch")

    def run(
        messages: list[dict[str, Any]], *flags: str, base_url: str = "", **config: Any
    ) -> subprocess.CompletedProcess[str]:
        url = base_url or product.base_url
        path = tmp_path / "config.json"
        defaults = {
            "client_id": product.client_id,
            "token": product.access_token,
            "small_batch_url": f"{url}/v2/import/batch",
            "big_batch_url": f"{url}/v2/import/batch",
            "batch_size_preferences": {},
            "disable_collection": True,
        }
        path.write_text(json.dumps(defaults | config), encoding="utf-8")
        return subprocess.run(
            [str(programs / "target-stitch"), "--config", str(path), *flags],
            input="".join(json.dumps(each) + "\n" for each in messages),
            capture_output=True,
            text=True,
            env={**os.environ, "no_proxy": "*"},
            timeout=120,
            check=False,
        )

    return run


def schema(stream: str, *key_properties: str, **more: Any) -> dict[str, Any]:
    """Return a Singer SCHEMA message."""
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": SCHEMA,
        "key_properties": list(key_properties),
        **more,
    }


def records(stream: str, ids: range, *, version: int | None = None, **data: Any) -> list[dict[str, Any]]:
    """Return Singer RECORD messages with these ids."""
    more = {} if version is None else {"version": version}
    return [{"type": "RECORD", "stream": stream, "record": {"id": number, **data}, **more} for number in ids]


def state(value: Any) -> dict[str, Any]:
    """Return a Singer STATE message."""
    return {"type": "STATE", "value": value}


def test_a_stream_with_keys_becomes_a_table(product: Product, target: Run, exercised: Exercised) -> None:
    """Types come from the schema, digits and instants are exact, and the state comes back after the rows."""
    message = records("customers", range(1, 2), name="Finn", amount=12.5, seen_at="2020-01-13T21:25:03+0000")
    message[0]["time_extracted"] = "2019-06-18T17:10:05.123456Z"
    done = target([schema("customers", "id", bookmark_properties=["seen_at"]), *message, state({"at": 1})])
    assert (0, ['{"at": 1}']) == (done.returncode, done.stdout.splitlines()), done.stderr
    product.wait_until_loaded()
    columns = (
        "id, name, amount::VARCHAR AS amount, epoch(seen_at)::INT AS seen, epoch_us(_sdc_extracted_at) AS us"
    )
    assert [
        {
            "id": 1,
            "name": "Finn",
            "amount": "12.500000",
            "seen": 1_578_950_703,
            "us": 1_560_877_805_123_456,
        }
    ] == product.rows(f"SELECT {columns} FROM customers")
    exercised(f"{NAME}: keys, types, bookmarks")


def test_a_later_run_replaces_rows(product: Product, target: Run, exercised: Exercised) -> None:
    """The target's own sequences grow, so a second run of a tap replaces what it sends again."""
    for name in ("old", "new"):
        done = target([schema("replaced", "id"), *records("replaced", range(3), name=name)])
        assert 0 == done.returncode, done.stderr
    product.wait_until_loaded()
    assert [{"name": "new", "rows": 3}] == product.rows(
        "SELECT name, count(*) AS rows FROM replaced GROUP BY name"
    )
    exercised(f"{NAME}: repeated run")


def test_a_stream_without_keys_only_grows(product: Product, target: Run, exercised: Exercised) -> None:
    """With `key_properties: []` every record is one more row."""
    for _ in range(2):
        assert 0 == target([schema("events"), *records("events", range(2), name="same")]).returncode
    product.wait_until_loaded()
    assert [{"rows": 4, "keys": 4}] == product.rows(
        "SELECT count(*) AS rows, count(DISTINCT __sdc_primary_key) AS keys FROM events"
    )
    exercised(f"{NAME}: key_properties []")


def test_many_requests_side_by_side_lose_nothing(product: Product, target: Run, exercised: Exercised) -> None:
    """Five requests at a time through two gates: all rows, and each state only after what came before it."""
    messages = [schema("crowd", "id")]
    for start in range(0, 3_000, 100):
        messages += [*records("crowd", range(start, start + 100), name=f"from {start}"), state(start)]
    with faulty_proxy(product.base_url, {}) as proxy:
        done = target(messages, "--max-batch-records", "100", base_url=proxy.base_url, turbo_boost_factor=5)
        assert 0 == done.returncode, done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert (sorted(states), 2_900) == (states, states[-1])
    assert 1 < proxy.together_max <= 5
    product.wait_until_loaded()
    assert [{"rows": 3_000, "ids": 3_000}] == product.rows(
        "SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM crowd"
    )
    exercised(f"{NAME}: turbo_boost_factor 5")


def test_large_batches_go_to_the_big_url(product: Product, target: Run, exercised: Exercised) -> None:
    """A body over 4 MB, and a stream that is preferred there, reach the same endpoint by the other URL."""
    with faulty_proxy(product.base_url, {}) as proxy:
        urls = {f"{size}_batch_url": f"{proxy.base_url}/v2/import/batch?{size}" for size in ("small", "big")}
        wide = records("wide", range(2), name="x" * 3_000_000)
        messages = [schema("wide", "id"), *wide, schema("full", "id"), *records("full", range(2))]
        preferences = {"full_table_streams": ["full"]}
        done = target(messages, "--max-batch-bytes", "20000000", **urls, batch_size_preferences=preferences)
        assert 0 == done.returncode, done.stderr
    assert ["/v2/import/batch?big", "/v2/import/batch?big"] == proxy.paths
    product.wait_until_loaded()
    assert [{"chars": 6_000_000}] == product.rows("SELECT sum(length(name))::BIGINT AS chars FROM wide")
    assert [{"rows": 2}] == product.rows('SELECT count(*) AS rows FROM "full"')
    exercised(f"{NAME}: big_batch_url")


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
def test_a_failed_request_is_sent_again(
    product: Product, target: Run, fault: Fault, exercised: Exercised
) -> None:
    """After a 502 (before or after the server accepted) or a 2xx that is no JSON, the rows are right."""
    stream = f"again_{fault.name.lower()}"
    with faulty_proxy(product.base_url, {1: fault}) as proxy:
        messages = [schema(stream, "id"), *records(stream, range(300)), state("end")]
        done = target(messages, "--max-batch-records", "100", base_url=proxy.base_url)
    assert (0, ['"end"']) == (done.returncode, done.stdout.splitlines()), done.stderr
    assert 4 == len(proxy.paths)
    product.wait_until_loaded()
    assert [{"rows": 300}] == product.rows(f"SELECT count(*) AS rows FROM {stream}")
    exercised(f"{NAME}: sends again, {fault.name.lower()}")


def test_a_refusal_ends_the_run_with_our_words(target: Run, exercised: Exercised) -> None:
    """A 4xx is final for the target, and what people read is the documented text."""
    wrong = records("refused", range(1))
    wrong[0]["record"]["id"] = "one"
    done = target([schema("refused", "id"), *wrong, state("never")])
    assert (1, "") == (done.returncode, done.stdout)
    assert "Record 0 did not conform to schema: #/id: expected: Integer, found: String" in done.stderr
    unknown = target([schema("refused", "id"), *records("refused", range(1))], token=NOBODY)
    assert 1 == unknown.returncode
    assert "401: {'message': 'Not Authorized'" in unknown.stderr
    exercised(f"{NAME}: refusals")


def versioned(stream: str, version: int, ids: range) -> list[dict[str, Any]]:
    """Return one full-table run: records of a version, then its activation."""
    activation = {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}
    return [schema(stream, "id"), *records(stream, ids, version=version), activation, state(version)]


def test_versions_are_kept_with_the_rows(product: Product, target: Run, exercised: Exercised) -> None:
    """A versioned stream is accepted whole, activation included, and rows carry their version."""
    done = target(versioned("versioned", 1, range(3)))
    assert (0, ["1"]) == (done.returncode, done.stdout.splitlines()), done.stderr
    product.wait_until_loaded()
    assert [{"version": 1, "rows": 3}] == product.rows(
        "SELECT _sdc_table_version AS version, count(*) AS rows FROM versioned GROUP BY 1"
    )
    exercised(f"{NAME}: versioned stream")


def test_an_activation_leaves_only_its_version(product: Product, target: Run, exercised: Exercised) -> None:
    """After a second full-table run only the rows of the newer version are left."""
    assert 0 == target(versioned("switched", 1, range(3))).returncode
    assert 0 == target(versioned("switched", 2, range(2))).returncode
    product.wait_until_loaded()
    assert [{"version": 2, "rows": 2}] == product.rows(
        "SELECT _sdc_table_version AS version, count(*) AS rows FROM switched GROUP BY 1"
    )
    exercised(f"{NAME}: activation")


ORDER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "total": {"type": ["null", "string"], "format": "singer.decimal"},
        "rate": {"type": ["null", "number"], "multipleOf": 1e-10},
        "seen_at": {"type": ["null", "string"], "format": "date-time"},
        "customer": {"type": "object", "properties": {"city": {"type": ["null", "string"]}}},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "sku": {"type": "string"},
                    "price": {"type": ["null", "string"], "format": "singer.decimal"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}
TOTAL = "12345678901234567890.123456789"


def orders(version: int, ids: range) -> list[dict[str, Any]]:
    """Return one full-table run of a stream with everything in it that Singer taps send."""
    lines = [{"sku": f"s{version}", "price": "0.1000000001", "tags": ["a", "b"]}, {"sku": "t", "tags": []}]
    each = records(
        "orders",
        ids,
        version=version,
        total=TOTAL,
        rate=0.25,
        seen_at="2020-01-13T21:25:03.123456789Z",
        customer={"city": "Zürich"},
        lines=lines,
    )
    schema_message = schema("orders", "id") | {"schema": ORDER_SCHEMA}
    return [
        schema_message,
        *each,
        {"type": "ACTIVATE_VERSION", "stream": "orders", "version": version},
        state(version),
    ]


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_stream_with_everything_is_tables_in_every_warehouse(
    kind: str, target: Run, tmp_path: Path, exercised: Exercised
) -> None:
    """Nested records, decimals of 29 digits, instants, versions: two runs, and only the second is left."""
    flags = ("--workers", "1", "--destination", f"{kind}://{ADDRESSES[kind](tmp_path)}")
    product = Product(tmp_path / "data", flags=flags, environ={"TIDEGATE_LOAD_WAIT_S": "0.1"}).start()
    try:
        for version, ids in ((1, range(5)), (2, range(3, 6))):
            done = target(
                orders(version, ids),
                base_url=product.base_url,
                client_id=product.client_id,
                token=product.access_token,
            )
            assert (0, [str(version)]) == (done.returncode, done.stdout.splitlines()), done.stderr
        product.wait_until_loaded()
        assert [
            {"id": id_, "total": TOTAL, "rate": 0.25, "city": "Zürich", "us": 1_578_950_703_123_456, "v": 2}
            for id_ in range(3, 6)
        ] == product.rows(
            "select id, cast(total as varchar) as total, cast(rate as double precision) as rate,"
            " customer__city as city, cast(extract(epoch from seen_at) * 1000000 as bigint) as us,"
            " _sdc_table_version as v from orders order by id"
        )
        assert [
            {"sku": "s2", "price": 0.1000000001, "n": 3},
            {"sku": "t", "price": None, "n": 3},
        ] == product.rows(
            "select sku, cast(max(price) as double precision) as price, count(*) as n from orders__lines"
            " group by sku order by sku"
        )
        assert [{"n": 6, "ids": 3}] == product.rows(
            "select count(*) as n, count(distinct _sdc_source_key_id) as ids from orders__lines__tags"
        )
        exercised(f"{NAME}: nested, decimals, instants, versions into {kind}")
    finally:
        product.close()
