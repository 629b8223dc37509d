"""Tokens are looked up without holding up other requests, and never by a store as it was a second ago."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.conformance.control_stores import KINDS, SPOIL, open_at
from tests.waiting import wait_until
from tidegate.control import setup, tokens
from tidegate.control.grants import ASK_WAIT_S, Grants
from tidegate.control.setup import FirstStart
from tidegate.control.store import Store
from tidegate.errors import ControlUnavailable
from tidegate.gate import lookups as gate_lookups
from tidegate.gate.lookups import STALE_S_MAX, Lookups

NOW_MS = 1_800_000_000_000


class Gate:
    """One process's lookups on a store that was set up, with a clock set by hand."""

    def __init__(self, store: Store, started: FirstStart) -> None:
        self.store, self.started, self.clock_s = store, started, 0.0
        self.grants = Grants(store, clock_s=lambda: self.clock_s)
        self.lookups = Lookups(self.grants)

    def finds(self, secret: str | None = None) -> bool:
        """Look a token up, the first start's when none is given; tell whether it is let in."""
        wanted = self.started.secret if secret is None else secret
        return asyncio.run(self.lookups.find(wanted, NOW_MS)) is not None


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database."""
    return str(request.param)


@pytest.fixture
def address(kind: str, tmp_path: Path) -> str:
    """The address of an empty store."""
    return KINDS[kind](tmp_path)


@pytest.fixture
def gate(kind: str, address: str, tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Gate]:
    """A gate on each kind of store."""
    exercised(f"gate look-ups: {kind}")
    store = open_at(address, tmp_path)
    started = setup.set_up(store, destination_url="duckdb:///folder/warehouse.duckdb")
    assert started is not None
    made = Gate(store, started)
    yield made
    made.lookups.close()
    store.close()


def _revoke(gate: Gate) -> None:
    with gate.store.writing() as conn:
        tokens.revoke(conn, 1)


def test_a_known_token_does_not_wait_for_the_store(gate: Gate) -> None:
    """The answer is as of the last look, while the next one is under way; then that one counts. (C18)"""
    assert gate.finds()
    gate.clock_s += ASK_WAIT_S
    held = threading.Lock()
    with held, _looks_wait_for(gate, held):
        assert gate.finds()
        _revoke(gate)
        assert gate.finds()
    wait_until(lambda: not gate.finds(), what="the refusal")


class _looks_wait_for:  # noqa: N801 - reads as a phrase
    """Let looks wait for a lock, as they would for a store that is far away."""

    def __init__(self, gate: Gate, held: threading.Lock) -> None:
        self._gate, self._held, self._look = gate, held, gate.grants.look
        self.begun = threading.Event()

    def __enter__(self) -> Self:
        def look() -> None:
            self.begun.set()
            with self._held:
                self._look()

        self._gate.grants.look = look  # type: ignore[method-assign]  # delays ours, replaces nothing of it
        return self

    def __exit__(self, *_exc: object) -> None:
        self._gate.grants.look = self._look  # type: ignore[method-assign]  # as it was


def test_nothing_older_than_the_bound_is_believed(gate: Gate) -> None:
    """A gate that had no requests for a while asks first: the token may have been revoked since. (C18)"""
    assert gate.finds()
    _revoke(gate)
    gate.clock_s += STALE_S_MAX
    assert not gate.finds()


def test_an_unknown_token_is_looked_for_at_once(gate: Gate) -> None:
    """A new token works at once, also in a gate that has just asked. (C18)"""
    assert gate.finds()
    assert not gate.finds("at_unknown")
    with gate.store.writing() as conn:
        _, secret = tokens.create_local(conn, gate.started.source_id, lifetime_s=1e9)
    assert gate.finds(secret)


def test_a_store_that_is_gone_lets_nobody_in(gate: Gate, kind: str, address: str, tmp_path: Path) -> None:
    """What was known serves no longer than the bound; then the client is told to try again. (C18)"""
    assert gate.finds()
    gate.store.close()
    SPOIL[kind](address, tmp_path)
    gate.clock_s += ASK_WAIT_S
    assert gate.finds()
    gate.clock_s += STALE_S_MAX
    for _ in range(2):
        with pytest.raises(ControlUnavailable):
            gate.finds()


def test_a_silent_store_is_waited_for_within_a_bound(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that neither answers nor fails holds nobody for good. (C18)"""
    monkeypatch.setattr(gate_lookups, "LOOK_WAIT_S_MAX", 0.05)
    held = threading.Lock()
    with held, _looks_wait_for(gate, held), pytest.raises(ControlUnavailable, match="has not answered"):
        asyncio.run(gate.lookups.find(gate.started.secret, NOW_MS))
    monkeypatch.undo()
    assert gate.finds()


def test_a_gate_that_closes_leaves_no_look_behind(gate: Gate) -> None:
    """The store is closed next: a look after that would open it again, and nobody would close it. (C18)"""
    assert gate.finds()
    gate.clock_s += ASK_WAIT_S
    held = threading.Lock()
    with held, _looks_wait_for(gate, held) as looks:
        assert gate.finds()
        assert looks.begun.wait(20)  # one that has not begun is given up
        closing = threading.Thread(target=gate.lookups.close)
        closing.start()
        closing.join(0.05)
        assert closing.is_alive()
    closing.join()
    assert gate.grants.known(gate.started.secret, NOW_MS)[1] == 0
