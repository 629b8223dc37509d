"""The published Python package `stitchclient` against the running server, down to the rows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.environments import stitchclient_pushing
from tests.product import Product

pytestmark = pytest.mark.xdist_group("stitchclient")
Exercised = Callable[[str], None]
Push = Callable[..., subprocess.CompletedProcess[str]]
NAME = "client: stitchclient 1.0.1"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product."""
    running = Product(
        tmp_path_factory.mktemp("stitchclient") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


@pytest.fixture
def push(product: Product) -> Push:
    """Pushes records with the package; further options go to its `Client`."""

    def pushing(
        records: list[dict[str, Any]], *, token: str = "", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return stitchclient_pushing(
            product.base_url, token or product.access_token, product.client_id, records, **options
        )

    return pushing


def upsert(table_name: str, sequence: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return a record as the package's `push` takes it; it adds the client id."""
    return {
        "action": "upsert",
        "table_name": table_name,
        "key_names": ["id"],
        "sequence": sequence,
        "data": data,
    }


def of(kind: str, text: str) -> dict[str, str]:
    """Say a value that JSON lacks; the driver makes it."""
    return {"$": kind, "text": text}


def test_values_arrive_exactly(product: Product, push: Push, exercised: Exercised) -> None:
    """64-bit integers, decimals, instants, UUIDs, texts that look like Transit: all arrive as they are."""
    data = {
        "id": 1,
        "most": 2**63 - 1,
        "least": -(2**63),
        "price": of("decimal", "12345678901234567890.123456789"),
        "seen_at": of("datetime", "2019-08-15T14:40:17.025+00:00"),
        "uid": of("uuid", "531A379E-31BB-4CE1-8690-158DCEB64BE6"),
        "ratio": 1.5,
        "yes": True,
        "nothing": None,
        "tilde": "~m0",
        "caret": "^0",
        "quote": "`x",
        "word": "Gezeiten \N{WATER WAVE}",
    }
    done = push([upsert("py_values", 1_565_276_078_922_000_095, data)])
    assert (0, [0]) == (done.returncode, json.loads(done.stdout or "null")), done.stderr
    product.wait_until_loaded()
    columns = "* EXCLUDE (price, seen_at, _sdc_received_at, _sdc_batched_at, _sdc_table_version)"
    exact = "price::VARCHAR AS price, epoch_ms(seen_at) AS seen_ms"
    expected = {key: value for key, value in data.items() if key not in {"price", "seen_at", "nothing"}}
    expected |= {
        "uid": "531a379e-31bb-4ce1-8690-158dceb64be6",
        "price": "12345678901234567890.123456789",
        "seen_ms": 1_565_880_017_025,
        "_sdc_sequence": 1_565_276_078_922_000_095,
    }
    assert [expected] == product.rows(f"SELECT {columns}, {exact} FROM py_values")
    exercised(f"{NAME}: values")


def test_more_keys_than_its_cache_holds(product: Product, push: Push, exercised: Exercised) -> None:
    """Its writer stops using codes after 1,936 distinct keys; every value is under its own name."""
    records = [
        upsert(f"py_wide_{table}", number, {"id": number, **{f"field_{table}_{i}": i for i in range(100)}})
        for table in range(21)
        for number in (1, 2)
    ]
    done = push(records)
    assert (0, 42) == (done.returncode, len(json.loads(done.stdout or "[]"))), done.stderr
    product.wait_until_loaded()
    for table in (0, 19, 20):
        assert [{"first": 0, "last": 198, "rows": 2}] == product.rows(
            f"SELECT sum(field_{table}_0)::INT AS first, sum(field_{table}_99)::INT AS last,"
            f" count(*) AS rows FROM py_wide_{table}"
        )
    exercised(f"{NAME}: more than 2,000 distinct keys")


def test_it_cuts_batches_by_size(product: Product, push: Push, exercised: Exercised) -> None:
    """Batches that it halves until they fit arrive as one table, and every callback is called."""
    records = [upsert("py_many", number, {"id": number, "text": "x" * 100}) for number in range(500)]
    done = push(records, max_batch_size_bytes=20_000)
    assert list(range(500)) == sorted(json.loads(done.stdout or "[]")), done.stderr
    product.wait_until_loaded()
    assert [{"rows": 500}] == product.rows("SELECT count(*) AS rows FROM py_many")
    assert 1 < product.metric("tidegate_requests_total")
    exercised(f"{NAME}: batches")


def test_a_refusal_shows_our_words(push: Push, exercised: Exercised) -> None:
    """The error that people see has the status and the documented body."""
    stranger = push([upsert("py_refused", 1, {"id": 1})], token="at_" + "x" * 43)
    assert 1 == stranger.returncode
    assert """401 - b'{"message": "Not Authorized\"""" in stranger.stderr
    keyless = push([upsert("py_refused", 1, {"name": "Finn"})])
    assert "422 - " in keyless.stderr
    assert "data must include keys" in keyless.stderr
    exercised(f"{NAME}: refusals")


def test_tuples_and_sets_are_loaded(product: Product, push: Push, exercised: Exercised) -> None:
    """Lists, tuples, sets and dicts inside a record reach the warehouse."""
    inner = {"id": 1, "pair": of("tuple", "[1, 2]"), "some": of("set", "[3]"), "more": {"deep": [1]}}
    push([upsert("py_nested", 1, inner)])
    product.wait_until_loaded()
    assert [] == product.rows("SELECT reason FROM _sdc_rejected WHERE table_name = 'py_nested'")
    exercised(f"{NAME}: nested values")
