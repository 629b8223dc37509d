"""The published npm package `transit-js` under node, writing Transit to push on the running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.environments import TRANSIT_JS, TRANSIT_JS_DRIVER, driven, transit_js
from tests.product import Product

pytestmark = pytest.mark.xdist_group("transit-js")
KEYS = 2_100
"""More than the 1,936 entries of Transit's cache of strings."""


@pytest.fixture(params=["json", "json-verbose"])
def kind(request: pytest.FixtureRequest) -> str:
    """The two forms of Transit in JSON: compact with codes, verbose without."""
    return str(request.param)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A started product."""
    running = Product(tmp_path / "data", flags=("--workers", "1"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def test_what_it_writes_arrives_exactly(
    product: Product, kind: str, exercised: Callable[[str], None]
) -> None:
    """Both forms are accepted, with every value as it was, over the end of the cache and beyond."""
    folder = transit_js()
    told = {
        "url": f"{product.base_url}/v2/import/push",
        "token": product.access_token,
        "client_id": product.client_id,
        "keys_max": KEYS,
    }
    done = driven(["node", str(TRANSIT_JS_DRIVER), str(folder), kind], told, within_s=60)
    assert 0 == done.returncode, done.stderr
    answer = json.loads(done.stdout)
    assert (201, kind == "json") == (answer["status"], answer["codes"]), answer
    product.wait_until_loaded()
    columns = "* EXCLUDE (seen_at, price, _sdc_received_at, _sdc_batched_at, _sdc_table_version)"
    exact = "price::VARCHAR AS price, epoch_ms(seen_at) AS seen_ms"
    assert [
        {
            "id": 1,
            "big": 9_223_372_036_854_775_807,
            "ratio": 1.5,
            "yes": True,
            "uid": "531a379e-31bb-4ce1-8690-158dceb64be6",
            "word": "tide",
            "symbol": "gate",
            "address": "https://example.com/a?b=c",
            "tilde": "~m0",
            "caret": "^0",
            "quote": "`x",
            "_sdc_sequence": 1_565_276_078_922_000_095,
            "price": "12345678901234567890.123456789",
            "seen_ms": 1_565_880_017_025,
        }
    ] == product.rows(f"SELECT {columns}, {exact} FROM js_values")
    assert [{"record": '{"id":1,"huge":123456789012345678901234567890}'}] == product.rows(
        "SELECT record FROM _sdc_rejected WHERE reason LIKE 'integer out of range%'"
    )
    for table in range(0, KEYS // 100, 10):
        assert [{"first": table * 2_000 + 3, "last": table * 2_000 + 201, "rows": 2}] == product.rows(
            f"SELECT sum(field_{table}_0)::INT AS first, sum(field_{table}_99)::INT AS last,"
            f" count(*) AS rows FROM js_wide_{table}"
        )
    exercised(f"client: {TRANSIT_JS}, {kind}")
