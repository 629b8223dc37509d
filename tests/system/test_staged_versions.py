"""Versions kept apart, as people switch it on: commands, requests and what queries see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A started product that loads at once."""
    running = Product(tmp_path / "data", flags=("--workers", "1"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"})
    running.start()
    yield running
    running.close()


def push(product: Product, *messages: dict[str, Any]) -> None:
    """Push messages about one table, and wait until they are loaded."""
    about = {"client_id": product.client_id, "table_name": "cars"}
    with product.client() as client:
        client.post("/v2/import/push", json=[about | each for each in messages]).raise_for_status()
    product.wait_until_loaded()


def upsert(version: int, key: int) -> dict[str, Any]:
    """Return one row of a table version."""
    data = {"id": key, "parts": [{"name": f"part of {key}"}]}
    return {"action": "upsert", "table_version": version, "sequence": 1, "key_names": ["id"], "data": data}


def seen(product: Product) -> list[tuple[int, str]]:
    """Return what a query tells of rows and elements."""
    sql = "select id, name from cars join cars__parts on id = _sdc_source_key_id order by id"
    return [(row["id"], row["name"]) for row in json.loads(product.run("sql", sql, "--json").stdout)]


def test_a_new_version_is_seen_when_it_is_whole(product: Product, exercised: Callable[[str], None]) -> None:
    """Switched on for a running server, at once; the report tells of it. (L85, L86, C34)"""
    exercised("commands: sources set")
    push(product, upsert(1, 1), upsert(1, 2))
    product.run("sources", "set", "import_api", "--staged-versions")
    push(product, upsert(2, 3))
    assert [(1, "part of 1"), (2, "part of 2")] == seen(product)
    switch = {"action": "switch_view", "table_version": 2, "sequence": 2}
    push(product, upsert(2, 4), switch)
    assert [(3, "part of 3"), (4, "part of 4")] == seen(product)
    newest = json.loads(product.run("loads", "--limit", "1", "--json").stdout)[0]
    assert (2, True) == (newest["table_version"], newest["activated"])
    told = json.loads(product.run("sources", "set", "import_api", "--no-staged-versions", "--json").stdout)
    assert told["staged_versions"] is False


def test_a_change_of_nothing_is_told(product: Product) -> None:
    """Nobody believes that something was changed. (C34)"""
    done = product.run("sources", "set", "import_api", check=False)
    assert (2, True) == (done.returncode, "nothing to change" in done.stderr)
