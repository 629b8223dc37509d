"""`tidegate sources`, `tokens`, `config` and `status`, as people and scripts run them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.product import Product, set_up_unserved
from tests.waiting import wait_until
from tidegate.control import destinations
from tidegate.control.store import Store
from tidegate.settings import options

Exercised = Callable[[str], None]
ISSUED = r"at_[\w-]{43}"
NOW_MS = 1_800_000_000_000


@pytest.fixture
def product(tmp_path: Path, exercised: Exercised) -> Product:
    """A data folder that was set up, and no server on it."""
    exercised("commands: sources, tokens, config, status")
    return set_up_unserved(tmp_path / "data")


@pytest.fixture
def running(tmp_path: Path, exercised: Exercised) -> Iterator[Product]:
    """A running server."""
    exercised("commands: beside a running server")
    started = Product(tmp_path / "data", flags=("--workers", "1"))
    started.start()
    yield started
    started.close()


def answer(product: Product, *arguments: str) -> Any:
    """Run a command and return what it says to machines."""
    return json.loads(product.run(*arguments, "--json").stdout)


# --- Sources and tokens ----------------------------------------------------------------------------------


def test_a_source_is_made_with_its_first_token(product: Product) -> None:
    """One command gives all that a sender needs; the secret is not told again. (C4, C9)"""
    made = answer(product, "sources", "create", "Web shop")
    assert re.fullmatch(ISSUED, made["access_token"])
    assert (2, 1001, "web_shop", "active") == tuple(
        made[name] for name in ("id", "client_id", "schema_name", "state")
    )
    listed = product.run("sources", "list").stdout + product.run("tokens", "list", "web_shop").stdout
    assert "web_shop" in listed
    assert made["access_token"] not in listed
    assert f"...{made['access_token'][-4:]}" in listed


def test_a_source_is_paused_and_resumed_by_name_or_id(product: Product) -> None:
    """People use what they see; the list shows the state. (C8)"""
    assert "refused with 401" in product.run("sources", "pause", "import_api").stdout
    assert ["paused"] == [each["state"] for each in answer(product, "sources", "list")]
    assert "active" == answer(product, "sources", "resume", "1")["state"]


def test_tokens_are_made_listed_and_revoked(product: Product) -> None:
    """With one source nobody has to name it; a third token is refused with exit code 4. (C10, C11, C12)"""
    made = answer(product, "tokens", "create", "--expires-in-days", "90")
    assert re.fullmatch(ISSUED, made["access_token"])
    refused = product.run("tokens", "create", check=False)
    assert (4, True) == (refused.returncode, "maximum of 2 active" in refused.stderr)
    assert [2, 1] == [each["id"] for each in answer(product, "tokens", "list")]
    product.run("tokens", "revoke", "1")
    assert [2] == [each["id"] for each in answer(product, "tokens", "list")]
    gone = product.run("tokens", "revoke", "1", "--json", check=False)
    assert (4, "unknown") == (gone.returncode, json.loads(gone.stdout)["error"])


def test_which_source_is_meant_must_be_clear(product: Product) -> None:
    """With two sources the command asks for one by name, as wrong use. (C8)"""
    product.run("sources", "create", "Web shop", "--schema", "shop")
    unclear = product.run("tokens", "create", check=False)
    assert (2, True) == (unclear.returncode, "import_api, shop" in unclear.stderr)


@pytest.mark.parametrize(
    "arguments", [("sources", "list"), ("tokens", "create"), ("tokens", "revoke", "1"), ("status",)]
)
def test_a_folder_that_was_never_served_says_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A wrong --data-dir makes no new store; the message tells what to do, with exit code 2."""
    empty = Product(tmp_path / "typo")
    done = empty.run(*arguments, check=False)
    assert (2, True) == (done.returncode, "tidegate serve" in done.stderr)
    assert not empty.data_dir.exists()


# --- Config ----------------------------------------------------------------------------------------------


def test_every_setting_is_shown_with_its_origin(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """People see each value, where it came from, its unit and its bound."""
    monkeypatch.setenv("TIDEGATE_PORT", "9000")
    (product.data_dir / "tidegate.toml").write_text("load_bytes = 2000\n")
    shown = {each["name"]: each for each in answer(product, "config")}
    assert [*options()] == [*shown]
    toml = str(product.data_dir / "tidegate.toml")
    for name, value, origin in (
        ("data_dir", str(product.data_dir), "flag"),
        ("port", 9000, "TIDEGATE_PORT"),
        ("load_bytes", 2000, toml),
        ("host", "127.0.0.1", "default"),
    ):
        assert (value, origin) == (shown[name]["value"], shown[name]["origin"])
    assert ("bytes", "1,000 to 1,000,000,000") == (shown["load_bytes"]["unit"], shown["load_bytes"]["bound"])
    text = product.run("config").stdout
    assert [] == [name for name in options() if name not in text]


@pytest.mark.parametrize("destination", ["postgresql://user:sesame@host/db", "user:sesame@host"])
def test_config_tells_no_secret(product: Product, monkeypatch: pytest.MonkeyPatch, destination: str) -> None:
    """A password in the destination's setting is masked, also when the setting is no good. (C15)"""
    monkeypatch.setenv("TIDEGATE_DESTINATION", destination)
    assert "sesame" not in product.run("config").stdout + product.run("config", "--json").stdout


# --- Status ----------------------------------------------------------------------------------------------


def test_without_a_server_the_status_is_failing(product: Product) -> None:
    """Who asks with a script learns from the exit code that nothing is accepted, and still sees the rest."""
    done = product.run("status", "--json", check=False)
    status = json.loads(done.stdout)
    assert (3, False, None) == (done.returncode, status["healthy"], status["server"])
    assert ["Default"] == [each["name"] for each in status["destinations"]]
    assert "tidegate serve" in product.run("status", check=False).stdout


def test_a_healthy_server_and_its_loads_are_shown(running: Product) -> None:
    """Exit code 0; nothing waits once the load is there, and the load is listed with its rows."""
    with running.client() as client:
        client.post("/v2/import/push", json=[running.record("orders", 1, {"id": 1})]).raise_for_status()
    running.wait_until_loaded()
    status = answer(running, "status")
    assert (True, running.base_url) == (status["healthy"], status["server"]["base_url"])
    assert (0, 0) == (status["lag_s"], status["journal"]["records_waiting"])
    loads = [(each["table_name"], each["rows_loaded"], each["error"]) for each in status["loads"]]
    assert [("orders", 1, None)] == loads
    text = running.run("status").stdout
    assert "all is well" in text
    assert "orders" in text


def test_a_failing_destination_is_told_with_its_error(running: Product) -> None:
    """The state of each destination counts, with its own words and exit code 3. (C16)"""
    store = Store.open(running.data_dir / "control.db")
    with store.writing() as conn:
        destinations.note_failing(conn, 1, "disk quota exceeded", NOW_MS)
    store.close()
    done = running.run("status", check=False)
    assert (3, True) == (done.returncode, "disk quota exceeded" in done.stdout)
    assert "2027-01-15 08:00:00 UTC" in done.stdout


def test_a_dead_server_is_not_taken_for_a_running_one(running: Product) -> None:
    """After a crash the file that names the server is still there; its process is not."""
    running.kill()
    done = running.run("status", "--json", check=False)
    assert (3, None) == (done.returncode, json.loads(done.stdout)["server"])


def test_commands_act_on_a_running_server(running: Product) -> None:
    """What a command changes counts for requests at once or within a second. (C18)"""
    record = [running.record("orders", 1, {"id": 1})]
    secret = answer(running, "tokens", "create")["access_token"]
    with running.client() as client:
        new = client.post("/v2/import/push", json=record, headers={"Authorization": f"Bearer {secret}"})
        assert 201 == new.status_code
        running.run("sources", "pause", "import_api")
        refused = wait_until(lambda: _refused(client, record), within_s=5, what="the refusal")
    assert (401, True) == (refused.status_code, "Connection is not active." in refused.text)


def _refused(client: httpx.Client, record: list[dict[str, Any]]) -> httpx.Response | None:
    answer_ = client.post("/v2/import/push", json=record)
    return None if answer_.is_success else answer_
