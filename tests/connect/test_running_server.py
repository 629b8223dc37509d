"""The Connect API and its commands against a running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A running server."""
    running = Product(tmp_path_factory.mktemp("connect") / "data", flags=("--workers", "2"))
    running.start()
    yield running
    running.close()


@pytest.fixture
def connect(product: Product, exercised: Callable[[str], None]) -> Iterator[httpx.Client]:
    """A program with a Connect API access token made by command."""
    exercised("Connect API: a running server")
    account = ("--account", str(product.client_id))
    made = json.loads(
        product.run("connect-tokens", "create", "--description", "tests", *account, "--json").stdout
    )
    headers = {"Authorization": f"Bearer {made['access_token']}"}
    with httpx.Client(base_url=product.base_url, headers=headers, timeout=60, trust_env=False) as client:
        yield client
    product.run("connect-tokens", "revoke", str(made["id"]))


def push(product: Product, token: str, number: int) -> int:
    """Push one record with a token and return the status."""
    body = [product.record("orders", number, {"id": number})]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(
        f"{product.base_url}/v2/import/push", json=body, headers=headers, timeout=60, trust_env=False
    ).status_code


def test_a_source_is_made_used_rotated_paused_and_deleted(product: Product, connect: httpx.Client) -> None:
    """The guide's whole flow works over HTTP; a revoked token and a paused source are refused in a second."""
    source = connect.post("/v4/sources", json={"type": "import_api", "display_name": "Guide"}).json()
    tokens = f"/v4/sources/{source['id']}/tokens"
    first = connect.post(tokens).json()
    assert 201 == push(product, first["access_token"], 1)
    second = connect.post(tokens).json()
    assert 201 == push(product, second["access_token"], 2)
    connect.delete(f"{tokens}/{first['id']}").raise_for_status()
    wait_until(lambda: 401 == push(product, first["access_token"], 3), what="the refusal")
    path = f"/v4/sources/{source['id']}"
    connect.put(path, json={"paused_at": "2020-01-01T00:00:00Z"}).raise_for_status()
    wait_until(lambda: 401 == push(product, second["access_token"], 4), what="the pause")
    connect.put(path, json={"paused_at": None}).raise_for_status()
    wait_until(lambda: 201 == push(product, second["access_token"], 5), what="the resumption")
    product.wait_until_loaded()
    ids = {row["id"] for row in product.rows("SELECT id FROM guide.orders")}
    assert {1, 2, 5} <= ids
    (load,) = connect.get(f"/v4/{product.client_id}/loads").json()["data"]
    counted = json.loads(product.run("usage", "--source", "guide", "--json").stdout)
    assert {("guide", "orders")} == {(each["source"], each["table_name"]) for each in counted}
    assert sum(each["rows_loaded"] for each in counted) >= 3
    assert "guide" in product.run("usage", "--days", "2").stdout
    (stream,) = connect.get(f"{path}/streams").json()
    assert ("orders", ["id"]) == (stream["stream_name"], stream["metadata"]["table-key-properties"])
    schema = json.loads(connect.get(f"{path}/streams/{stream['stream_id']}").json()["schema"])
    assert {"id": {"type": ["integer", "null"]}} == schema["properties"]
    (table,) = json.loads(product.run("tables", "list", "guide", "--json").stdout)
    assert (True, schema) == (table["rows_loaded"] >= 3, table["schema"])
    assert "orders" in product.run("tables", "list", "guide").stdout
    assert ("guide", "orders", None) == (load["source_name"], load["stream_name"], load["error_state"])
    connect.delete(path).raise_for_status()
    wait_until(lambda: 401 == push(product, second["access_token"], 6), what="the end")


def test_connect_tokens_are_made_listed_and_revoked(product: Product, connect: httpx.Client) -> None:
    """The commands work beside the server; the secret is told once, and a revoked token enters no more."""
    secret = connect.headers["Authorization"].removeprefix("Bearer ")
    listed: list[dict[str, Any]] = json.loads(product.run("connect-tokens", "list", "--json").stdout)
    assert ("tests", secret[-4:], product.client_id) == tuple(
        listed[0][name] for name in ("description", "last_four", "client_id")
    )
    shown = product.run("connect-tokens", "list").stdout
    assert (True, False) == (f"...{secret[-4:]}" in shown, secret in shown)
    assert 200 == connect.get("/v4/sources").status_code
    account = ("--account", str(product.client_id))
    made = json.loads(product.run("connect-tokens", "create", *account, "--json").stdout)
    product.run("connect-tokens", "revoke", str(made["id"]))
    headers = {"Authorization": f"Bearer {made['access_token']}"}
    assert 401 == connect.get("/v4/sources", headers=headers).status_code


def test_no_secret_reaches_the_log(product: Product, connect: httpx.Client) -> None:
    """Log lines name the endpoint, the status and the time, never who called with what. (A8)"""
    source = connect.post("/v4/sources", json={"type": "import_api", "display_name": "Logged"}).json()
    made = connect.post(f"/v4/sources/{source['id']}/tokens").json()
    assert 201 == push(product, made["access_token"], 1)
    before = product.log_path.read_text().count(line := '"method":"DELETE"')
    connect.delete(f"/v4/sources/{source['id']}").raise_for_status()
    wait_until(lambda: product.log_path.read_text().count(line) > before, what="the last request's line")
    logged = product.log_path.read_text()
    assert '"path":"/v4/sources/{source_id}/tokens"' in logged
    secret = connect.headers["Authorization"].removeprefix("Bearer ")
    assert [] == [each for each in (made["access_token"], secret) if each in logged]


def test_accounts_are_made_and_named(product: Product) -> None:
    """With several accounts a command asks which; each has its own sources."""
    made = json.loads(product.run("accounts", "create", "Branch", "--json").stdout)
    assert made["client_id"] in [
        each["client_id"] for each in json.loads(product.run("accounts", "list", "--json").stdout)
    ]
    unclear = product.run("sources", "create", "Till", check=False)
    assert (2, True) == (unclear.returncode, "--account" in unclear.stderr)
    source = json.loads(
        product.run("sources", "create", "Till", "--account", str(made["client_id"]), "--json").stdout
    )
    assert made["client_id"] == source["client_id"]


def test_sources_are_shown_renamed_and_deleted_by_command(product: Product) -> None:
    """The same verbs as over HTTP."""
    source = json.loads(
        product.run("sources", "create", "Old", "--account", str(product.client_id), "--json").stdout
    )
    named = str(source["id"])
    renamed = json.loads(product.run("sources", "rename", named, "New", "--json").stdout)
    assert ("New", "old") == (renamed["display_name"], renamed["schema_name"])
    assert renamed == json.loads(product.run("sources", "show", "old", "--json").stdout)
    kept = product.run("sources", "delete", named, check=False, stdin=-3)
    assert 1 == kept.returncode
    gone = json.loads(product.run("sources", "delete", named, "--yes", "--json").stdout)
    assert "deleted" == gone["state"]


def test_the_audit_log_says_who_it_was(product: Product, connect: httpx.Client) -> None:
    """Commands are noted with the user who ran them, programs with the id of their token. (C25)"""
    (token,) = json.loads(product.run("connect-tokens", "list", "--json").stdout)
    made = connect.post("/v4/sources", json={"type": "import_api", "display_name": "Audited"}).json()
    product.run("sources", "delete", "audited", "--yes")
    deleted, created = json.loads(product.run("audit", "--limit", "2", "--json").stdout)
    assert ("source created", f"{made['id']} (Audited)") == (created["action"], created["subject"])
    assert f"Connect API access token {token['id']} (...{token['last_four']})" == created["actor"]
    assert ("source deleted", True) == (deleted["action"], deleted["actor"].startswith("command by "))
    assert "deleted" in product.run("audit").stdout


def test_a_source_chooses_its_destination_by_command(product: Product) -> None:
    """Its own account's alone; another's is as if there were none. (C17, C21)"""
    account = ("--account", str(product.client_id), "--json")
    url = f"duckdb:///{product.data_dir / 'chosen.duckdb'}"
    made = json.loads(product.run("destinations", "create", url, *account).stdout)
    chosen = ("sources", "create", "Chooser", "--destination", str(made["id"]))
    assert made["id"] == json.loads(product.run(*chosen, *account).stdout)["destination_id"]
    other = json.loads(product.run("accounts", "create", "Elsewhere", "--json").stdout)["client_id"]
    refused = product.run(*chosen, "--account", str(other), check=False)
    assert (4, True) == (refused.returncode, "destination not found" in refused.stderr)
