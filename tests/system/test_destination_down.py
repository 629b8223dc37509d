"""P7: the warehouse is away for a while. Accepting goes on, people see why, nothing is lost, it recovers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until

Exercised = Callable[[str], None]


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A folder for the warehouse that is not there yet."""
    return tmp_path / "away"


@pytest.fixture
def product(tmp_path: Path, away: Path) -> Iterator[Product]:
    """A started product whose warehouse cannot be opened, with a small journal."""
    running = Product(
        tmp_path / "data",
        flags=("--workers", "1", "--destination", f"duckdb:///{away}/warehouse.duckdb"),
        environ={
            "TIDEGATE_LOAD_WAIT_S": "0.1",
            "TIDEGATE_RETRY_WAIT_S_MAX": "0.5",
            "TIDEGATE_JOURNAL_BYTES_MAX": "3000000",
        },
    )
    running.start()
    yield running
    running.close()


def push(product: Product, client: httpx.Client, number: int, text: str = "") -> httpx.Response:
    """Push one row."""
    return client.post("/v2/import/push", json=[product.record("t", 1, {"id": number, "text": text})])


def test_accepting_goes_on_while_the_warehouse_is_away(
    product: Product, away: Path, exercised: Exercised
) -> None:
    """201 becomes 202, status and metrics and log say why; when it is back all rows are there."""
    with product.client() as client:
        assert push(product, client, 0).status_code in {201, 202}
        wait_until(
            lambda: push(product, client, 1).status_code == 202, what="202 while the warehouse is away"
        )
        assert {"status": "ready"} == client.get("/readyz").json()
        assert 3 == product.run("status", check=False).returncode
        status = product.status()
        assert not status["healthy"]
        assert "away" in status["destinations"][0]["error"]
        assert 0 < product.metric("tidegate_loads_total")
        assert "load failed" in product.log_path.read_text()
        away.mkdir()
        product.wait_until_loaded()
        wait_until(lambda: push(product, client, 2).status_code == 201, what="201 when the warehouse is back")
    product.wait_until_loaded()
    assert [{"id": 0}, {"id": 1}, {"id": 2}] == product.rows("SELECT id FROM t ORDER BY id")
    assert product.status()["healthy"]
    exercised("destination down and back: duckdb")


def test_a_full_journal_answers_503_and_empties_itself(
    product: Product, away: Path, exercised: Exercised
) -> None:
    """At the journal's limit clients are told when to come again; accepted rows stay; later it goes on."""
    dice = random.Random(7)  # noqa: S311 - bytes that do not shrink
    accepted: list[int] = []
    with product.client() as client:
        for number in range(1_000):
            answer = push(product, client, number, dice.randbytes(40_000).hex())
            if answer.status_code == 503:
                break
            assert answer.status_code in {201, 202}
            accepted.append(number)
        assert (503, {"message": "Service Unavailable"}) == (answer.status_code, answer.json())
        assert 0 < int(answer.headers["retry-after"])
        assert 200 == client.post("/v2/import/validate", json=[product.record("t", 1, {"id": 1})]).status_code
        assert "ERROR" == client.get("/v2/import/status").json()["status"]
        away.mkdir()
        wait_until(
            lambda: push(product, client, -1).status_code == 201, within_s=60, what="room in the journal"
        )
        assert "OK" == client.get("/v2/import/status").json()["status"]
    product.wait_until_loaded()
    assert [-1, *accepted] == [row["id"] for row in product.rows("SELECT id FROM t ORDER BY id")]
    exercised("journal full and recovered")


def test_bodies_held_at_a_time_are_bounded(tmp_path: Path, exercised: Exercised) -> None:
    """A body that finds no room waits, then gets 503; the one that holds the room is served."""
    product = Product(
        tmp_path / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_INFLIGHT_BYTES_MAX": "1000000", "TIDEGATE_ADMISSION_WAIT_S_MAX": "0.2"},
    ).start()
    go_on = iter([b"[", b" " * 999_990])
    try:
        with product.client() as slow, product.client() as quick:
            headers = {"Content-Type": "application/json", "Content-Length": "1000000"}
            answers: list[int] = []

            def body() -> Iterator[bytes]:
                yield next(go_on)
                wait_until(lambda: _status(quick, product) == 503, what="503 while there is no room")
                yield next(go_on)
                yield b" " * 8 + b"]"

            answers.append(slow.post("/v2/import/push", content=body(), headers=headers).status_code)
            assert [400] == answers
            assert 201 == _status(quick, product)
    finally:
        product.close()
    exercised("admission: bodies in flight")


def _status(client: httpx.Client, product: Product) -> int:
    return push(product, client, 1).status_code


def test_a_load_that_finds_the_file_taken_is_made_up_for_at_once(
    tmp_path: Path, exercised: Exercised
) -> None:
    """Somebody reads the warehouse's file at the wrong moment: nobody waits for the next load's time."""
    file = tmp_path / "warehouse.duckdb"
    hour = {"TIDEGATE_LOAD_WAIT_S": "3600"}
    flags = ("--workers", "1", "--destination", f"duckdb:///{file}")
    running = Product(tmp_path / "data", flags=flags, environ=hour).start()
    try:
        wait_until(file.exists, what="the warehouse's file")
        with _reading(file), running.client() as client:
            assert push(running, client, 1).status_code == 201
            wait_until(lambda: "load failed" in running.log_path.read_text(), what="a load in vain")
        running.wait_until_loaded()
    finally:
        running.close()
    exercised("destination busy: duckdb")


def _reading(file: Path) -> duckdb.DuckDBPyConnection:
    """Open a warehouse's file for reading as soon as nobody writes."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def is_open() -> bool:
        with suppress(duckdb.IOException):
            opened.append(duckdb.connect(str(file), read_only=True))
        return bool(opened)

    wait_until(is_open, what="the warehouse's file to be free")
    return opened[0]
