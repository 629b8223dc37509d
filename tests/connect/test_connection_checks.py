"""`/v4/destinations/{id}/last-connection-check`: what the last check found, and what it keeps to itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.postgres_server import address
from tests.connect.caller import Caller
from tidegate.connect.connection_checks import NOT_REACHED

POSTGRES = {
    "port": 5432,
    "database": "warehouse",
    "username": "loader",
    "password": "topsecret",
    "ssl": False,
}


@pytest.fixture
def one(caller: Caller) -> Any:
    """A destination made by a program."""
    return caller.ok("POST", "/v4/destinations", {"type": "duckdb", "properties": {"file": "one.duckdb"}})


@pytest.fixture
def talker() -> Iterator[int]:
    """The port of a server that greets as mail servers do, and is no warehouse."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail.internal.example ESMTP\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(20)


def last(caller: Caller, destination: Any) -> Any:
    """Ask for the last check."""
    return caller.ok("GET", f"/v4/destinations/{destination['id']}/last-connection-check")


def test_a_check_that_succeeded_is_the_documented_object(caller: Caller, one: Any) -> None:
    """Making a destination checks it; changing one does again, under the name that is answered. (A48)"""
    made = last(caller, one)
    times = {name: made.pop(name) for name in ("start_time", "completion_time")}
    assert made.pop("name").startswith(f"{caller.client_id}.{one['id']}.check.")
    assert {
        "mode": "check",
        "status": "succeeded",
        "error": False,
        "check_exit_status": 0,
        "discovery_exit_status": None,
        "discovery_error_message": None,
        "tap_exit_status": None,
        "tap_error_message": None,
        "target_exit_status": 0,
        "target_error_message": None,
    } == made
    assert all(each.endswith("Z") and len(each) == 20 for each in times.values())
    changed = caller.ok("PUT", f"/v4/destinations/{one['id']}", {"name": "Other"})
    assert changed["check_job_name"] == last(caller, one)["name"]


def test_a_check_that_failed_says_so_and_changes_nothing(caller: Caller, one: Any, tmp_path: Path) -> None:
    """The destination stays as it was; its last check is the one that failed. (A45, A48)"""
    folder = tmp_path / "warehouses" / str(caller.client_id)
    (folder / "two.duckdb").mkdir()
    path = f"/v4/destinations/{one['id']}"
    refused = caller.call("PUT", path, {"properties": {"file": "two.duckdb"}})
    assert (400, "ConnectionFailed") == (refused.status_code, refused.json()["error"])
    failed = last(caller, one)
    assert ("failed", True, 1, 1, refused.json()["data"]["message"]) == tuple(
        failed[name]
        for name in ("status", "error", "check_exit_status", "target_exit_status", "target_error_message")
    )
    assert "one.duckdb" == caller.ok("GET", path)["properties"]["file"]


def test_a_warehouse_that_is_away_can_be_renamed(caller: Caller, one: Any, tmp_path: Path) -> None:
    """The check of an address that stays refuses nothing, and is told. (A48)"""
    folder = tmp_path / "warehouses" / str(caller.client_id)
    (folder / "one.duckdb").unlink()
    (folder / "one.duckdb").mkdir()
    assert "Away" == caller.ok("PUT", f"/v4/destinations/{one['id']}", {"name": "Away"})["name"]
    assert "failed" == last(caller, one)["status"]


def test_without_a_check_there_is_nothing_to_answer(caller: Caller) -> None:
    """As for an id that nobody has, and for sources, which have nothing to check. (A48)"""
    default = caller.ok("GET", "/v4/destinations")[0]
    source = caller.source()
    for path in (
        f"/v4/destinations/{default['id']}/last-connection-check",
        "/v4/destinations/987654/last-connection-check",
        "/v4/destinations/x/last-connection-check",
        f"/v4/sources/{source['id']}/last-connection-check",
    ):
        answer = caller.call("GET", path)
        assert (404, {"message": "Not Found"}) == (answer.status_code, answer.json())


def test_a_check_is_no_way_to_look_round_a_network(caller: Caller, talker: int) -> None:
    """A closed port, one where something else speaks, and a name that nobody has are told alike. (A49)"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = listening.getsockname()[1]
    told = set()
    for host, port in (("127.0.0.1", closed), ("127.0.0.1", talker), ("nobody.invalid", 5432)):
        for ssl in (True, False):
            given = POSTGRES | {"host": host, "port": port, "ssl": ssl}
            answer = caller.call("POST", "/v4/destinations", {"type": "postgres", "properties": given})
            assert (400, "ConnectionFailed") == (answer.status_code, answer.json()["error"])
            told.add(answer.json()["data"]["message"])
    assert {NOT_REACHED} == told
    assert 1 == len(caller.ok("GET", "/v4/destinations"))


def test_a_warehouse_that_answers_is_told_in_its_own_words(caller: Caller, tmp_path: Path) -> None:
    """Whoever knows a warehouse must learn what is wrong with user, password or database. (A45)"""
    from urllib.parse import urlsplit

    place = urlsplit("postgresql://" + address(tmp_path))
    given = POSTGRES | {"host": place.hostname, "port": place.port, "username": "nobody"}
    answer = caller.call("POST", "/v4/destinations", {"type": "postgres", "properties": given})
    message = answer.json()["data"]["message"]
    assert (True, False) == ("nobody" in message, "topsecret" in message)
