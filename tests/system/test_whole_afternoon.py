"""A whole afternoon: everything somebody does to run an account, over HTTP, and again by command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import psycopg
import pytest

from tests.conformance.postgres_server import address, as_properties
from tests.product import Product
from tests.receivers import Received, Receiver, receiving
from tests.waiting import wait_until

HOOKS = "/notifications/public/v1/api/hooks"


@pytest.fixture
def product(tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Product]:
    """A running server that may call hooks of this machine."""
    exercised("a whole afternoon: server, PostgreSQL, hooks")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tidegate.toml").write_text('hook_schemes = "any"\n')
    running = Product(
        tmp_path / "data",
        flags=("--workers", "2"),
        environ={"TIDEGATE_HOOK_ADDRESSES": "any", "TIDEGATE_LOAD_WAIT_S": "0.1"},
    ).start()
    yield running
    running.close()


def told(product: Product, *command: str) -> Any:
    """Run a command and return what it says to machines."""
    return json.loads(product.run(*command, "--json").stdout)


class Account(Protocol):
    """Somebody who runs an account."""

    client_id: int

    def hook(self, url: str) -> None:
        """Have loads told."""

    def source(self, name: str) -> int:
        """Make a source."""

    def token(self, source_id: int) -> tuple[int, str]:
        """Make a token. Shape: -> its id, its secret."""

    def revoke(self, source_id: int, token_id: int) -> None:
        """Revoke a token."""

    def load(self) -> tuple[str, str, str | None]:
        """Shape: -> the only load's source, table and error."""

    def pause(self, source_id: int, *, on: bool) -> None:
        """Pause or resume a source."""

    def delete(self, source_id: int) -> None:
        """Delete a source, and then the destination."""


class ByHttp:
    """With a Connect API access token, and nothing else."""

    def __init__(self, product: Product, url: str) -> None:
        self.client_id = told(product, "accounts", "create", "By HTTP")["client_id"]
        made = told(product, "connect-tokens", "create", "--account", str(self.client_id))
        headers = {"Authorization": f"Bearer {made['access_token']}"}
        self._client = httpx.Client(base_url=product.base_url, headers=headers, timeout=60, trust_env=False)
        given = {"type": "postgres", "properties": as_properties(url)}
        self._destination = self._ok("POST", "/v4/destinations", given)["id"]

    def _ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def hook(self, url: str) -> None:
        """Have loads told."""
        self._ok("POST", HOOKS, {"type": "post_load", "config": {"url": url}})

    def source(self, name: str) -> int:
        """Make a source."""
        return int(self._ok("POST", "/v4/sources", {"type": "import_api", "display_name": name})["id"])

    def token(self, source_id: int) -> tuple[int, str]:
        """Make a token. Shape: -> its id, its secret."""
        made = self._ok("POST", f"/v4/sources/{source_id}/tokens")
        return made["id"], made["access_token"]

    def revoke(self, source_id: int, token_id: int) -> None:
        """Revoke a token."""
        self._ok("DELETE", f"/v4/sources/{source_id}/tokens/{token_id}")

    def load(self) -> tuple[str, str, str | None]:
        """Shape: -> the only load's source, table and error."""
        (load,) = self._ok("GET", f"/v4/{self.client_id}/loads")["data"]
        return load["source_name"], load["stream_name"], load["error_state"]

    def pause(self, source_id: int, *, on: bool) -> None:
        """Pause or resume a source."""
        at = datetime.now(UTC).isoformat() if on else None
        self._ok("PUT", f"/v4/sources/{source_id}", {"paused_at": at})

    def delete(self, source_id: int) -> None:
        """Delete a source, and then the destination."""
        assert self._ok("DELETE", f"/v4/sources/{source_id}")["deleted_at"]
        self._ok("DELETE", f"/v4/destinations/{self._destination}")
        self._client.close()


class ByCommand:
    """With the commands, on the server's machine."""

    def __init__(self, product: Product, url: str) -> None:
        self._product = product
        self.client_id = told(product, "accounts", "create", "By command")["client_id"]
        self._account = ("--account", str(self.client_id))
        self._destination = told(product, "destinations", "create", url, *self._account)["id"]
        self._first: dict[int, str] = {}

    def hook(self, url: str) -> None:
        """Have loads told."""
        told(self._product, "hooks", "create", url, *self._account)

    def source(self, name: str) -> int:
        """Make a source."""
        made = told(self._product, "sources", "create", name, *self._account)
        self._first[made["id"]] = made["access_token"]
        return int(made["id"])

    def token(self, source_id: int) -> tuple[int, str]:
        """Make a token. Shape: -> its id, its secret."""
        if source_id in self._first:
            (listed,) = told(self._product, "tokens", "list", str(source_id))
            return listed["id"], self._first.pop(source_id)
        made = told(self._product, "tokens", "create", str(source_id))
        return made["id"], made["access_token"]

    def revoke(self, source_id: int, token_id: int) -> None:
        """Revoke a token."""
        assert source_id
        self._product.run("tokens", "revoke", str(token_id))

    def load(self) -> tuple[str, str, str | None]:
        """Shape: -> the only load's source, table and error."""
        newest = told(self._product, "loads", *self._account)[0]
        return newest["source"], newest["table_name"], newest["error"]

    def pause(self, source_id: int, *, on: bool) -> None:
        """Pause or resume a source."""
        self._product.run("sources", "pause" if on else "resume", str(source_id))

    def delete(self, source_id: int) -> None:
        """Delete a source, and then the destination."""
        self._product.run("sources", "delete", str(source_id), "--yes")
        self._product.run("destinations", "delete", str(self._destination), "--yes")


@pytest.mark.parametrize("way", [ByHttp, ByCommand])
def test_a_whole_afternoon(product: Product, tmp_path: Path, way: type[ByHttp | ByCommand]) -> None:
    """
    A new account gets from nothing to its first rows, is told of them, and is wound up again.

    Account, PostgreSQL destination, hook, source, token, push, load report, call of the hook, rotation,
    pause, end.
    """
    url = "postgresql://" + address(tmp_path)
    with receiving(Receiver()) as receiver:
        account: Account = way(product, url)
        account.hook(receiver.url)
        source_id = account.source("Web Shop")
        first_id, first = account.token(source_id)

        def push(number: int, secret: str) -> int:
            record = product.record("orders", number, {"id": number, "price": 1.5})
            return httpx.post(
                f"{product.base_url}/v2/import/push",
                json=[record | {"client_id": account.client_id}],
                headers={"Authorization": f"Bearer {secret}"},
                timeout=60,
                trust_env=False,
            ).status_code

        def rows() -> list[int]:
            with psycopg.connect(url) as connection:
                try:
                    return [
                        row[0] for row in connection.execute("select id from web_shop.orders order by id")
                    ]
                except psycopg.errors.UndefinedTable:
                    return []

        assert 201 == push(1, first)
        wait_until(lambda: rows() == [1], within_s=60, what="the first row")
        product.wait_until_loaded()
        assert ("web_shop", "orders", None) == account.load()
        call = wait_until(lambda: receiver.received, within_s=60, what="the call of the hook")[0]
        assert ("web_shop", "orders", 1) == _told_of(call)
        _, second = account.token(source_id)
        assert 201 == push(2, second)
        account.revoke(source_id, first_id)
        wait_until(lambda: 401 == push(2, first), within_s=20, what="the refusal of the old token")
        account.pause(source_id, on=True)
        wait_until(lambda: 401 == push(3, second), within_s=20, what="the pause")
        account.pause(source_id, on=False)
        wait_until(lambda: 201 == push(4, second), within_s=20, what="the resumption")
        wait_until(lambda: {1, 2, 4} <= set(rows()), within_s=60, what="all rows")
        product.wait_until_loaded()
        kept = rows()
        account.delete(source_id)
        wait_until(lambda: 401 == push(5, second), within_s=20, what="the end")
        assert kept == rows()


def _told_of(call: Received) -> tuple[str, str, int]:
    told_of = json.loads(call.body)
    (table,) = told_of["tables"]
    return told_of["integration_name"], told_of["source_root_table_name"], table["num_rows"]
