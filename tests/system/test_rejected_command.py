"""`tidegate rejected` as people run it: look, put right, send again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import text

from tests.product import Product
from tests.waiting import wait_until
from tidegate.control.store import Store

KEYLESS = {"table_name": "notes", "schema": {"type": "object"}}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running server."""
    running = Product(
        tmp_path_factory.mktemp("rejected") / "data",
        flags=("--workers", "1"),
        environ={"TIDEGATE_LOAD_WAIT_S": "0.1"},
    )
    running.start()
    yield running
    running.close()


def push(product: Product, table_name: str, *data: dict[str, Any], sequence: int = 1) -> None:
    """Push records and wait until they are loaded or rejected."""
    with product.client() as client:
        body = [product.record(table_name, sequence, each) for each in data]
        client.post("/v2/import/push", json=body).raise_for_status()
    product.wait_until_loaded()


def listed(product: Product, *arguments: str) -> list[dict[str, Any]]:
    """Return what `tidegate rejected list` shows."""
    found: list[dict[str, Any]] = json.loads(product.run("rejected", "list", "--json", *arguments).stdout)
    return found


def drop_table(product: Product, name: str) -> None:
    """Drop a table, as somebody with another program would, when the loader has let go of the file."""

    def dropped() -> bool:
        try:
            with duckdb.connect(str(product.data_dir / "warehouse.duckdb")) as db:
                db.execute(f"drop table import_api.{name}")
        except duckdb.IOException:
            return False
        return True

    wait_until(dropped, what="a turn with the warehouse")


def test_a_record_loads_once_what_was_wrong_is_put_right(
    product: Product, exercised: Callable[[str], None]
) -> None:
    """List, show, put right, replay: the record is a row, and is listed no more. (L44, L45)"""
    exercised("commands: rejected")
    push(product, "cars", {"id": 1})
    push(product, "cars", {"id": "x", "name": "Ada", "big": 2**62 + 1}, {"id": 2}, sequence=2)
    (rejected,) = listed(product, "--table", "cars")
    assert ("import_api", "cars", 0) == tuple(rejected[name] for name in ("source", "table_name", "place"))
    shown = json.loads(product.run("rejected", "show", rejected["id"], "--json").stdout)
    assert 2**62 + 1 == json.loads(shown["message"])[0]["data"]["big"]
    assert '"name": "Ada"' in product.run("rejected", "show", rejected["id"]).stdout
    drop_table(product, "cars")
    replayed = json.loads(product.run("rejected", "replay", rejected["id"], "--json").stdout)
    assert {"replayed": 1, "replayed_before": 0, "refused": []} == replayed
    product.wait_until_loaded()
    assert [{"id": "x", "name": "Ada", "big": 2**62 + 1}] == product.rows("select id, name, big from cars")
    assert [] == listed(product, "--table", "cars")
    (marked,) = listed(product, "--table", "cars", "--marked")
    assert ("replayed", "rejected replay") == (marked["mark"]["state"], marked["mark"]["command"])


def test_a_replay_that_is_repeated_is_kept_once(product: Product) -> None:
    """Also when the command died before it could note what it had sent, and the table has no key. (J10)"""
    with product.client() as client:
        message = {"action": "upsert", "sequence": 1, "data": {"a__st": 1}}
        client.post("/v2/import/batch", json={**KEYLESS, "messages": [message]}).raise_for_status()
    product.wait_until_loaded()
    (first,) = listed(product, "--table", "notes")
    product.run("rejected", "replay", first["id"])
    product.wait_until_loaded()
    (second,) = listed(product, "--table", "notes")
    assert first["id"] != second["id"]
    assert {"replayed": 0, "replayed_before": 1, "refused": []} == json.loads(
        product.run("rejected", "replay", first["id"], "--json").stdout
    )
    store = Store.open(product.data_dir / "control.db")
    with store.writing() as conn:
        conn.execute(text("delete from rejected_marks"))
    store.close()
    assert "1 records sent again" in product.run("rejected", "replay", first["id"]).stdout
    product.wait_until_loaded()
    rows = product.rows("select count(*) as n from _sdc_rejected where table_name = 'notes'")
    assert [{"n": 2}] == rows


def test_what_is_put_aside_is_listed_no_more(product: Product) -> None:
    """Discarding deletes nothing, and replays of a whole table pass over it. (C38)"""
    push(product, "boats", {"id": 1, "a__st": 1}, {"id": 2, "a__bi": 2})
    newest, oldest = listed(product, "--table", "boats")
    product.run("rejected", "discard", oldest["id"])
    assert [newest["id"]] == [each["id"] for each in listed(product, "--table", "boats")]
    assert 2 == len(listed(product, "--table", "boats", "--marked"))
    done = json.loads(product.run("rejected", "replay", "--table", "boats", "--json").stdout)
    assert 1 == done["replayed"]


def test_records_are_picked_by_reason_and_number(product: Product) -> None:
    """People look for what failed in one way, and at as many as they like."""
    push(product, "trips", {"id": 1, "a__st": 1}, {"id": 2, "big": 2**63}, {"id": 3, "b__bi": 1})
    table = ("--table", "trips")
    assert [1] == [each["place"] for each in listed(product, *table, "--reason", "OUT of Range")]
    assert [2, 1] == [each["place"] for each in listed(product, *table, "--limit", "2")]
    assert [] == listed(product, *table, "--reason", "it's %")
    drawn = product.run("rejected", "list", *table).stdout
    assert all(each["id"] in drawn for each in listed(product, *table))


def test_a_refusal_is_told_with_its_record(product: Product) -> None:
    """What the server refuses stays open, with the server's words and exit code 4."""
    push(product, "planes", {"id": 1, "a__st": 1})
    product.run("sources", "pause", "import_api")
    (record,) = listed(product, "--table", "planes")
    try:
        done = product.run("rejected", "replay", record["id"], "--json", check=False)
    finally:
        product.run("sources", "resume", "import_api")
    (refused,) = json.loads(done.stdout)["refused"]
    assert (4, record["id"], True) == (done.returncode, refused["id"], "not active" in refused["message"])
    assert [record["id"]] == [each["id"] for each in listed(product, "--table", "planes")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "999999.0"], 4, "there is no rejected record 999999.0"),
        (["show", "x"], 2, "no id of a rejected record"),
        (["replay"], 2, "say what to replay"),
        (["replay", "1.0", "--all"], 2, "say what to replay"),
        (["discard", "999999.0"], 4, "there is no rejected record 999999.0"),
        (["list", "--source", "shop"], 4, "no source 'shop'"),
    ],
)
def test_mistakes_are_told(product: Product, arguments: list[str], code: int, words: str) -> None:
    """Nothing is sent or marked on a slip of the pen."""
    push(product, "any", {"id": 1})
    done = product.run("rejected", *arguments, check=False)
    assert (code, True) == (done.returncode, words in done.stderr), done.stderr


def test_replay_needs_a_server(tmp_path: Path) -> None:
    """Without a server nothing can be sent, and the message says what to start."""
    done = Product(tmp_path / "none").run("rejected", "replay", "--all", check=False)
    assert (3, True) == (done.returncode, "tidegate serve" in done.stderr)
