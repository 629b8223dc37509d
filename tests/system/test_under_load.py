"""Tokens and sources change while records keep coming: nothing acknowledged is lost."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until

REFUSED_WITHIN_S = 1.0
"""What docs/specs/control.md (C18) promises; the tests look at requests that began later than that."""

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


@dataclass
class Pushers:
    """Threads that push one record after the other with whatever tokens there are, and note each answer."""

    product: Product
    tokens: list[str]
    answers: list[tuple[int, str, float, int]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    stopping: threading.Event = field(default_factory=threading.Event)

    def push_on(self, turn: int) -> None:
        """Push until told to stop. Shape of an answer: number, token, when it was sent, status."""
        with httpx.Client(base_url=self.product.base_url, timeout=60, trust_env=False) as client:
            while not self.stopping.is_set():
                tokens = self.tokens
                number, token = next(self.numbers), tokens[turn % len(tokens)]
                message = {"action": "upsert", "sequence": number, "data": {"n": number}}
                body = {"table_name": "events", "schema": SCHEMA, "messages": [message]}
                sent_at = time.monotonic()
                answer = client.post(
                    "/v2/import/batch", json=body, headers={"Authorization": f"Bearer {token}"}
                )
                self.answers.append((number, token, sent_at, answer.status_code))
                if answer.status_code == 401:
                    self.stopping.wait(0.02)

    def accepted(self) -> list[int]:
        """Return the numbers of records that were acknowledged."""
        return sorted(number for number, _, _, status in list(self.answers) if status in {201, 202})

    def wait_for(self, token: str, status: int, *, after: float, count: int = 10) -> None:
        """Wait for so many answers with a status to requests sent after a time."""
        wait_until(
            lambda: (
                sum(
                    1
                    for _, sent_with, sent_at, answered in list(self.answers)
                    if sent_with == token and sent_at > after and answered == status
                )
                >= count
            ),
            within_s=60,
            what=f"{count} answers {status}",
        )

    def none_accepted(self, token: str, *, from_s: float, until_s: float) -> None:
        """See that all requests sent with a token in that time were refused with 401."""
        seen = [
            status
            for _, sent_with, sent_at, status in list(self.answers)
            if sent_with == token and from_s < sent_at < until_s
        ]
        assert seen
        assert {401} == set(seen)


@pytest.fixture
def product(tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Product]:
    """A running server with two gate processes."""
    exercised("under load: two gate processes")
    running = Product(
        tmp_path / "data", flags=("--workers", "2"), environ={"TIDEGATE_LOAD_WAIT_S": "0.1"}
    ).start()
    yield running
    running.close()


def told(product: Product, *command: str) -> Any:
    """Run a command and return what it says to machines."""
    return json.loads(product.run(*command, "--json").stdout)


def test_changes_under_load_lose_nothing(product: Product) -> None:
    """Rotation, pause, resumption and deletion, each refused in both processes within a second. (C8, C18)"""
    source = told(product, "sources", "create", "Busy")
    old = source["access_token"]
    pushers = Pushers(product, [old])
    threads = [threading.Thread(target=pushers.push_on, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    try:
        pushers.wait_for(old, 201, after=0.0)
        new = told(product, "tokens", "create", "busy")["access_token"]
        pushers.tokens.append(new)  # half of the senders were told
        pushers.wait_for(new, 201, after=0.0)
        token_id = min(each["id"] for each in told(product, "tokens", "list", "busy"))
        product.run("tokens", "revoke", str(token_id))
        revoked_at = time.monotonic() + REFUSED_WITHIN_S
        pushers.wait_for(old, 401, after=revoked_at)
        pushers.wait_for(new, 201, after=revoked_at)
        pushers.none_accepted(old, from_s=revoked_at, until_s=float("inf"))
        pushers.tokens = [new]
        product.run("sources", "pause", "busy")
        paused_at = time.monotonic() + REFUSED_WITHIN_S
        pushers.wait_for(new, 401, after=paused_at)
        resumed_at = time.monotonic()
        pushers.none_accepted(new, from_s=paused_at, until_s=resumed_at)
        product.run("sources", "resume", "busy")
        pushers.wait_for(new, 201, after=resumed_at)
        product.run("sources", "delete", "busy", "--yes")
        deleted_at = time.monotonic() + REFUSED_WITHIN_S
        pushers.wait_for(new, 401, after=deleted_at)
    finally:
        pushers.stopping.set()
        for thread in threads:
            thread.join()
    pushers.none_accepted(new, from_s=deleted_at, until_s=float("inf"))
    assert {201, 202, 401} >= {status for *_, status in pushers.answers}
    product.wait_until_loaded()
    assert pushers.accepted() == [row["n"] for row in product.rows("SELECT n FROM busy.events ORDER BY n")]


def test_a_source_is_moved_and_its_destination_deleted_under_load(product: Product, tmp_path: Path) -> None:
    """Each acknowledged record is in one of the warehouses, once, whoever was loading. (C24, C36)"""
    first = told(product, "destinations", "create", f"duckdb:///{tmp_path / 'first.duckdb'}")["id"]
    second = told(product, "destinations", "create", f"duckdb:///{tmp_path / 'second.duckdb'}")["id"]
    token = told(product, "sources", "create", "Busy", "--destination", str(first))["access_token"]
    pushers = Pushers(product, [token])
    thread = threading.Thread(target=pushers.push_on, args=(0,))
    thread.start()

    def rows(file: str) -> list[int]:
        try:
            with duckdb.connect(str(tmp_path / file), read_only=True) as connection:
                return [n for (n,) in connection.execute("SELECT n FROM busy.events").fetchall()]
        except (duckdb.CatalogException, duckdb.IOException, duckdb.ConnectionException):
            return []

    try:
        wait_until(lambda: rows("first.duckdb"), within_s=60, what="rows in the first")
        product.run("sources", "set", "busy", "--destination", str(second))
        product.kill("loader")
        wait_until(lambda: rows("second.duckdb"), within_s=60, what="rows in the second")
        product.kill("loader")
        product.run("destinations", "delete", str(second), "--yes")
        deleted_at = time.monotonic()
        pushers.wait_for(token, 202, after=deleted_at)
        third = told(product, "destinations", "create", f"duckdb:///{tmp_path / 'third.duckdb'}")["id"]
        assert third == told(product, "sources", "show", "busy")["destination_id"]
        pushers.wait_for(token, 201, after=deleted_at)
        wait_until(lambda: rows("third.duckdb"), within_s=60, what="rows in the third")
    finally:
        pushers.stopping.set()
        thread.join()
    files = ("first.duckdb", "second.duckdb", "third.duckdb")
    wait_until(
        lambda: len(pushers.accepted()) <= sum(len(rows(file)) for file in files),
        within_s=60,
        what="all that was accepted",
    )
    product.stop()
    assert pushers.accepted() == sorted(n for file in files for n in rows(file))
