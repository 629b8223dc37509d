"""The Connect API in this process, and programs that call it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.responses import JSONResponse

from tests.conformance.control_stores import KINDS, give_up, open_at
from tidegate.connect.app import ConnectApi
from tidegate.connect.calls import Limits
from tidegate.control import accounts, connect_tokens, destinations
from tidegate.control.store import Store
from tidegate.logs import open_log


@dataclass(frozen=True)
class Caller:
    """A program with a token of one account."""

    api: ConnectApi
    store: Store
    client_id: int
    secret: str

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Call an endpoint."""
        headers = {"Authorization": f"Bearer {self.secret}"} | options.pop("headers", {})
        return sent(self.api, method, path, json=body, headers=headers, **options)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Call an endpoint that must succeed, and return what it answers."""
        answer = self.call(method, path, body)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def source(self, display_name: str = "Web shop", **more: Any) -> Any:
        """Make a source."""
        return self.ok("POST", "/v4/sources", {"type": "import_api", "display_name": display_name, **more})


def sent(api: ConnectApi, method: str, path: str, **options: Any) -> httpx.Response:
    """Send one request to the application, without a socket."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://tidegate") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@contextlib.contextmanager
def connect_api(folder: Path, limits: Limits | None = None, *, kind: str = "sqlite") -> Iterator[ConnectApi]:
    """Open a new store of a kind and the Connect API on it."""
    address = KINDS[kind](folder)
    store = open_at(address, folder)
    log = open_log(log_format="json", log_level="info", process="test")
    api = ConnectApi(
        store,
        files=folder / "warehouses",
        rest=JSONResponse({"message": "Not Found"}, 404),
        log=log,
        limits=limits or Limits(),
    )
    try:
        yield api
    finally:
        api.close()
        store.close()
        give_up(kind, address)


def new_caller(api: ConnectApi, folder: Path, name: str) -> Caller:
    """Make an account with a destination and a Connect API access token."""
    with api.store.writing() as conn:
        client_id = accounts.create(conn, name).client_id
        destinations.create(conn, client_id, f"duckdb:///{folder / name}.duckdb", "Default")
        _, secret = connect_tokens.create(conn, client_id)
    return Caller(api, api.store, client_id, secret)
