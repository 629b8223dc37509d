"""A gate dies between keeping a request and answering it; the client sends it again with its key. (P4)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until
from tidegate.client import Client

Exercised = Callable[[str], None]

CRASHES = 3
ROWS = "SELECT n FROM log ORDER BY n"


@pytest.fixture
def fuse(tmp_path: Path) -> Path:
    """While this file exists, the next gate that has kept a request dies before it answers."""
    return tmp_path / "fuse"


@pytest.fixture
def product(tmp_path: Path, fuse: Path) -> Iterator[Product]:
    """A product with two gate processes that can be made to die."""
    environ = {"TIDEGATE_LOAD_WAIT_S": "0.05", "TIDEGATE_CRASH_AT": f"gate before answer={fuse}"}
    running = Product(tmp_path / "data", flags=("--workers", "2"), environ=environ).start()
    yield running
    running.close()


def send(product: Product, number: int, key: str) -> int:
    """Send one row to a table without keys; return the status, 0 when no answer came."""
    body = {
        "table_name": "log",
        "schema": {"properties": {"n": {"type": "integer"}}},
        "messages": [{"action": "upsert", "sequence": 1, "data": {"n": number}}],
    }
    with product.client() as client:
        try:
            return client.post("/v2/import/batch", json=body, headers={"Idempotency-Key": key}).status_code
        except httpx.TransportError:
            return 0


def test_a_request_whose_answer_was_lost_is_kept_once(
    product: Product, fuse: Path, exercised: Exercised
) -> None:
    """Kept, not answered, sent again with its key: the table without keys has its rows once. (J10, W81)"""
    for number in range(CRASHES):
        fuse.touch()
        assert 0 == send(product, number, f"k{number}")
        assert not fuse.exists()
        wait_until(lambda: send(product, number, f"k{number}") == 201, within_s=30, what="an answer")  # noqa: B023 - called at once
    product.wait_until_loaded()
    assert [{"n": number} for number in range(CRASHES)] == product.rows(ROWS)
    exercised("crash: idempotency key after gate before answer")


def test_a_key_is_known_after_the_whole_tree_was_killed(product: Product, fuse: Path) -> None:
    """Nothing but the journal's file carries a key over. (J10, W81)"""
    fuse.touch()
    assert 0 == send(product, 1, "k")
    product.kill()
    product.start()
    assert 201 == send(product, 1, "k")
    assert 422 == send(product, 2, "k")
    product.wait_until_loaded()
    assert [{"n": 1}] == product.rows(ROWS)


def test_the_python_client_doubles_no_rows(product: Product, fuse: Path) -> None:
    """The client's own retries carry the key: a table without keys has each row once. (W81)"""
    retries = 0
    with Client(product.base_url, product.access_token, records_max=2) as client:
        for done in client.batches("log", ({"n": number} for number in range(2 * CRASHES))):
            retries = done.retries
            fuse.touch()
    fuse.unlink(missing_ok=True)
    product.wait_until_loaded()
    assert [{"n": number} for number in range(2 * CRASHES)] == product.rows(ROWS)
    assert retries >= CRASHES - 1
