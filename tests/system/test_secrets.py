"""
No secret is told twice: after every error path that can be driven, all that was said and kept is searched.

What is searched for is listed with the secret's kind, so that a failure names the kind and not the secret.
"""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import run
from tests.product import Product
from tests.waiting import wait_until
from tidegate.connect.routes import ROUTES
from tidegate.control import signing_in
from tidegate.control.store import Store

PASSWORD = "sesame-of-the-warehouse!"  # noqa: S105 - what is searched for
PATHS = [
    *(("POST", f"/v2/import/{name}") for name in ("push", "batch", "validate", "nothing")),
    *((route.method, route.path) for route in ROUTES),
    ("GET", "/v2/import/status"),
    ("PATCH", "/v2/import/push"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/metrics"),
    ("GET", "/nothing"),
]
BODIES = (
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 5_000,
    b"null",
    b'{"type": "import_api", "display_name": ""}',
    b'{"type": "postgres", "properties": {"host": 1}}',
)
CONTENT_TYPES = ("application/json", "text/plain", "application/transit+json")


@dataclass(slots=True)
class Search:
    """What must not be found, by its kind, and all that was said."""

    secrets: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, str]] = field(default_factory=list)

    def found(self, more: dict[str, bytes]) -> set[tuple[str, str]]:
        """Return each kind of secret that was found, and where."""
        texts = [(where, text.encode(errors="surrogateescape")) for where, text in self.said]
        return {
            (kind, where)
            for where, text in (*texts, *more.items())
            for kind, secret in self.secrets.items()
            if secret.encode() in text
        }


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A running server that logs all it can."""
    running = Product(tmp_path / "data", flags=("--workers", "1"), environ={"TIDEGATE_LOG_LEVEL": "debug"})
    running.start()
    yield running
    running.close()


def told_by(product: Product, *command: str) -> dict[str, Any]:
    """Run a command that succeeds and tells a secret, and return what it tells."""
    code, said = run(product.data_dir, (*command, "--json"))
    assert 0 == code, said
    told: dict[str, Any] = json.loads(said)
    return told


def _made(product: Product) -> Search:
    """Make a secret of every kind, each by the command that tells it."""
    search = Search()
    person = told_by(product, "users", "create", "ada@example.com")
    search.secrets = {
        "access token": product.access_token,
        "owner's password": product.about["owner_password"],
        "password": person["password"],
        "new password": told_by(product, "users", "set-password", "owner@localhost")["password"],
        "Connect token": told_by(product, "connect-tokens", "create")["access_token"],
        "read-only token": told_by(product, "connect-tokens", "create", "--read-only")["access_token"],
        "new access token": told_by(product, "sources", "create", "Shop")["access_token"],
        "given password": "a phrase that is long enough",
        "imported value": "an-older-token-that-scripts-have-already",
        "value that cannot be one": "tab\tin-a-value-of-forty-characters-or-so",
        "short value": "too-short-value",
        "short password": "too-short",
        "password of a warehouse": PASSWORD,
        "password, quoted": PASSWORD.replace("!", "%21"),
    }
    store = Store.open(product.data_dir / "control.db")
    search.secrets["session"] = signing_in.sign_in(store, "ada@example.com", person["password"]).secret
    store.close()
    return search


def _drive_http(product: Product, search: Search) -> None:
    """Send every secret to every path, with bodies and types that are wrong in every way."""
    tokens = [each for kind, each in search.secrets.items() if "token" in kind or kind == "session"]
    ids = {"source_id": "1", "type": "nothing"}
    with httpx.Client(base_url=product.base_url, timeout=60, trust_env=False) as client:
        for turn, (method, path) in enumerate(PATHS):
            filled = re.sub(r"\{(\w+)\}", lambda named: ids.get(named[1], "9"), path)
            for number, secret in enumerate(tokens):
                headers = {
                    "Authorization": f"Bearer {secret}" if number != turn % 7 else f"Basic {secret}",
                    "Cookie": f"session={search.secrets['session']}",
                    "Content-Type": CONTENT_TYPES[(number + turn) % len(CONTENT_TYPES)],
                }
                body = BODIES[(number + turn) % len(BODIES)]
                answer = client.request(
                    method, filled, params={"access_token": secret}, headers=headers, content=body
                )
                search.said.append(
                    (f"{method} {path}: {answer.status_code}", f"{answer.headers}{answer.text}")
                )
            headers = {"Authorization": f"Bearer {search.secrets['Connect token']}"}
            for body in BODIES:
                if method != "DELETE":
                    answer = client.request(method, filled, headers=headers, content=body)
                    search.said.append((f"{method} {path}: {answer.status_code}", answer.text))


def _drive_destinations(product: Product, search: Search, port: int) -> None:
    """Give a warehouse's password to every call and command that takes one, so that each fails."""
    properties = {
        "host": "127.0.0.1",
        "port": str(port),
        "database": "db",
        "username": "loader",
        "password": PASSWORD,
        "ssl": "false",
    }
    headers = {"Authorization": f"Bearer {search.secrets['Connect token']}"}
    with httpx.Client(base_url=product.base_url, headers=headers, timeout=60, trust_env=False) as client:
        for change in (
            {},
            {"port": "x"},
            {"host": PASSWORD * 20},
            {"host": ""},
            {"ssl": "maybe"},
            {"more": "x"},
        ):
            body = {"type": "postgres", "properties": properties | change}
            if PASSWORD in str(change):
                body["properties"] = properties | {"host": "a host"}
            for method, path in (("POST", "/v4/destinations"), ("PUT", "/v4/destinations/1")):
                told = body if method == "POST" else {"properties": body["properties"]}
                answer = client.request(method, path, json=told)
                assert 400 <= answer.status_code < 500
                search.said.append((f"{method} {path}: {answer.status_code}", answer.text))
    quoted = search.secrets["password, quoted"]
    for url in (
        f"postgresql://loader:{quoted}@127.0.0.1:{port}/db",
        f"postgresql://loader:{PASSWORD}@127.0.0.1:port/db",
        f"postgresql://loader:{PASSWORD}@[::1/db",
        f"nothing://loader:{PASSWORD}@host/db",
        f"loader:{PASSWORD}@host",
    ):
        for command in (("destinations", "create", url), ("destinations", "update", "1", "--url", url)):
            code, said = run(product.data_dir, command)
            assert 0 != code
            search.said.append((" ".join(command[:2]), said))


def _drive_commands(product: Product, search: Search) -> None:
    """Give secrets to every command that takes one, so that most fail."""
    secrets = search.secrets
    inputs = [
        (("tokens", "import", "import_api"), secrets["imported value"]),
        (("tokens", "import", "import_api"), secrets["imported value"]),
        (("tokens", "import", "shop"), secrets["access token"]),
        (("tokens", "import", "shop"), secrets["Connect token"]),
        (("tokens", "import", "shop"), secrets["value that cannot be one"]),
        (("tokens", "import", "shop"), secrets["short value"]),
        (("tokens", "import", "nothing"), secrets["imported value"]),
        (("users", "set-password", "ada@example.com", "--password-stdin"), secrets["short password"]),
        (("users", "set-password", "ada@example.com", "--password-stdin"), secrets["given password"]),
        (("users", "set-password", "nobody@x", "--password-stdin"), secrets["given password"]),
        (("users", "create", "ada@example.com", "--password-stdin"), secrets["given password"]),
        (("push", "orders", "-", "--token", secrets["revoked token"]), '[{"id": 1}]'),
        (("push", "orders", "-", "--token", secrets["session"]), '[{"id": 1}]'),
    ]
    codes = set()
    for command, given in inputs:
        for more in ((), ("--json",)):
            code, said = run(product.data_dir, (*command, *more), given + "\n")
            codes.add(code)
            search.said.append((" ".join(command[:2]), said))
    assert {0, 2, 4} <= codes
    shown = [(each,) for each in ("status", "config", "audit", "loads", "usage")]
    nouns = ("sources", "tokens", "accounts", "destinations", "connect-tokens", "users", "hooks")
    for command in (*shown, *((noun, "list") for noun in nouns)):
        for more in ((), ("--json",)):
            search.said.append((" ".join(command), run(product.data_dir, (*command, *more))[1]))


@contextmanager
def broken(product: Product, table: str) -> Iterator[None]:
    """The control store without one of its tables, so that whoever needs it fails."""
    with closing(sqlite3.connect(product.data_dir / "control.db", timeout=30)) as conn:
        conn.execute(f"ALTER TABLE {table} RENAME TO away")
        conn.commit()
        try:
            yield
        finally:
            conn.execute(f"ALTER TABLE away RENAME TO {table}")
            conn.commit()


def _drive_failures(product: Product, search: Search) -> None:
    """Send good tokens while the store fails under them, and kill a process in the middle."""
    record = [product.record("orders", 1, {"id": 1})]
    for table, path, kind in (
        ("grant_changes", "/v2/import/push", "new access token"),
        ("connect_tokens", "/v4/sources", "Connect token"),
        ("sources", "/v4/sources", "Connect token"),
    ):
        headers = {"Authorization": f"Bearer {search.secrets[kind]}"}

        def failed(path: str = path, headers: dict[str, str] = headers) -> httpx.Response | None:
            method = "POST" if "import" in path else "GET"
            answer = httpx.request(
                method, product.base_url + path, json=record, headers=headers, timeout=60, trust_env=False
            )
            return answer if answer.status_code >= 500 else None

        with broken(product, table):
            search.said.append(("tokens create", run(product.data_dir, ("tokens", "create", "nothing"))[1]))
            answer = wait_until(failed, what=f"a failure without {table}")
        search.said.append((f"{path} without {table}: {answer.status_code}", answer.text))
    assert product.kill("gate")


def test_no_secret_is_told_twice(product: Product, exercised: Callable[[str], None]) -> None:
    """Neither log lines nor answers, outputs or files beside the journal hold a secret. (A8, C9, C15, C25)"""
    exercised("secrets: every error path")
    search = _made(product)
    revoked = told_by(product, "tokens", "create", "shop")
    search.secrets["revoked token"] = revoked["access_token"]
    assert 0 == run(product.data_dir, ("tokens", "revoke", str(revoked["id"])))[0]
    _drive_http(product, search)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        _drive_destinations(product, search, closed.getsockname()[1])
    _drive_commands(product, search)
    _drive_failures(product, search)
    statuses = {where.rpartition(" ")[2] for where, _ in search.said if where[-3:].isdigit()}
    assert {"200", "400", "401", "403", "404", "405", "415", "503"} <= statuses
    product.stop()
    files = {
        path.name: path.read_bytes()
        for path in product.data_dir.rglob("*")
        if path.is_file() and not path.name.startswith(("journal", "warehouse"))
    }
    assert "control.db" in files
    log = product.log_path.read_bytes()
    assert log.count(b"\n") > 100
    assert set() == search.found({**files, "the log": log})


def test_the_search_finds_what_is_told() -> None:
    """The search itself can fail."""
    search = Search({"password": PASSWORD}, [("an answer", f"no entry with {PASSWORD}")])
    assert {("password", "an answer"), ("password", "the log")} == search.found(
        {"the log": PASSWORD.encode()}
    )
