"""`tidegate destinations` and `tidegate sources set`, with no server running."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product, set_up_unserved


@pytest.fixture
def product(tmp_path: Path, exercised: Callable[[str], None]) -> Product:
    """A data folder that was set up, and no server on it."""
    exercised("commands: destinations, without a server")
    return set_up_unserved(tmp_path / "data")


def told(product: Product, *command: str) -> Any:
    """Run a command and return what it says to machines."""
    return json.loads(product.run(*command, "--json").stdout)


def test_a_source_is_moved_by_command(product: Product, tmp_path: Path) -> None:
    """To a destination by its id, and back to the default one; what is not there is said. (C36)"""
    second = told(product, "destinations", "create", f"duckdb:///{tmp_path / 'second.duckdb'}")["id"]
    moved = product.run("sources", "set", "import_api", "--destination", str(second))
    assert "loads what is not loaded yet into destination 2" in moved.stdout
    assert second == told(product, "sources", "show", "import_api")["destination_id"]
    assert told(product, "sources", "set", "1", "--destination", "default")["destination_id"] is None
    for wrong, code, words in (("77", 4, "not found (77)"), ("two", 2, "default"), ("0", 2, "default")):
        refused = product.run("sources", "set", "import_api", "--destination", wrong, check=False)
        assert (code, True) == (refused.returncode, words in refused.stderr)
    noted = [(each["action"], each["subject"]) for each in told(product, "audit")]
    assert 2 == sum(1 for action, _ in noted if action == "source moved")


def test_a_stored_password_goes_nowhere_else(product: Product) -> None:
    """A copied address without its password is refused; the whole one is asked for. (C15)"""
    made = told(product, "destinations", "create", "postgresql://a:hush@db.example/shop", "--no-check")
    masked = made["url"].replace("db.example", "evil.example")
    for address in (masked, "postgresql://a:***@evil.example/shop"):
        command = ("destinations", "update", str(made["id"]), "--no-check", "--url", address)
        refused = product.run(*command, check=False)
        assert (2, True) == (refused.returncode, "give them again" in refused.stderr)
        assert "hush" not in refused.stdout + refused.stderr
    assert made["url"] == told(product, "destinations", "show", str(made["id"]))["url"]
    whole = "postgresql://a:other@evil.example/shop"
    changed = told(product, "destinations", "update", str(made["id"]), "--no-check", "--url", whole)
    assert "postgresql://a:***@evil.example/shop" == changed["url"]


def test_an_address_is_read_from_standard_input(product: Product) -> None:
    """No other user of the machine sees its password then, when it is made and when it is changed."""
    for command, address in (
        (("create", "-"), "postgresql://a:hush@db.example/shop"),
        (("update", "2", "--url", "-"), "postgresql://a:hush@db.example/other"),
    ):
        given = ("destinations", *command, "--no-check", "--json")
        answer = product.run(*given, input=f"{address}\n").stdout
        assert address.replace("hush", "***") == json.loads(answer)["url"]


def test_a_source_that_loads_nowhere_is_told(product: Product) -> None:
    """`status` names it and says what to do. (C24)"""
    product.run("destinations", "delete", "1", "--yes")
    status = product.status()
    assert ["source import_api has no destination"] == [each.partition(",")[0] for each in status["warnings"]]
    assert [] == told(product, "usage")
