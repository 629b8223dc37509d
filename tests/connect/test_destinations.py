"""`/v4/destinations` and `/v4/destination-types`: forms, secrets, checks of the connection, and refusals."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.conformance.postgres_server import address, as_properties
from tests.connect.caller import Caller
from tidegate.control import destinations
from tidegate.destinations import form_of

WRONG_POST = (
    "POST body may only include a type, a name, a description, map of properties,"
    " and boolean for unmapped sources"
)
DUCKDB = {"type": "duckdb", "properties": {"file": "shop.duckdb"}}


def made(caller: Caller, **more: Any) -> Any:
    """Make a DuckDB destination beside the account's default one."""
    return caller.ok("POST", "/v4/destinations", DUCKDB | more)


def refusal(caller: Caller, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Call an endpoint that must refuse in plain text. Shape: -> status, text."""
    answer = caller.call(method, path, body)
    assert "text/plain; charset=utf-8" == answer.headers["content-type"]
    return answer.status_code, answer.text


def test_the_kinds_and_their_forms_are_told(caller: Caller) -> None:
    """Scripts learn from the card what to fill in; each type has the card that the list has. (A40)"""
    cards = {each["type"]: each for each in caller.ok("GET", "/v4/destination-types")}
    assert {"duckdb", "postgres"} == cards.keys()
    card = cards["postgres"]
    assert card == caller.ok("GET", "/v4/destination-types/postgres")
    assert (1, "form", "postgres") == (
        card["current_step"],
        card["current_step_type"],
        card["details"]["protocol"],
    )
    asked = {each["name"]: each for each in card["steps"][0]["properties"]}
    assert {
        *("database", "encryption_type", "host", "password", "port", "ssl", "sslrootcert", "username")
    } == asked.keys()
    assert ["sslrootcert"] == [name for name, each in asked.items() if not each["is_required"]]
    assert ["password"] == [name for name, each in asked.items() if each["is_credential"]]
    assert not any(each["provided"] for each in asked.values())
    assert 404 == caller.call("GET", "/v4/destination-types/redshift").status_code


def test_a_destination_is_made_shown_and_listed(caller: Caller) -> None:
    """It is the documented object each time; only an account's first is its default. (A41)"""
    one = made(caller, name="Staging", description="of the shop")
    assert ("Staging", "of the shop", "duckdb", {"file": "shop.duckdb"}) == tuple(
        one[name] for name in ("name", "description", "type", "properties")
    )
    assert (caller.client_id, None, None) == (one["stitch_client_id"], one["deleted_at"], one["paused_at"])
    assert (2, "fully_configured") == (
        one["report_card"]["current_step"],
        one["report_card"]["current_step_type"],
    )
    assert one == caller.ok("GET", f"/v4/destinations/{one['id']}")
    assert [1, one["id"]] == [each["id"] for each in caller.ok("GET", "/v4/destinations")]


def test_the_list_finds_a_sources_destination(caller: Caller) -> None:
    """A source loads into the one it names, else into the default; other questions are refused. (A41)"""
    one = made(caller)
    default, named = caller.source("A"), caller.source("B", destination_id=one["id"])
    for source, expected in ((default, 1), (named, one["id"])):
        (found,) = caller.ok("GET", f"/v4/destinations?source_id={source['id']}")
        assert expected == found["id"]
    assert [one] == caller.ok("GET", f"/v4/destinations?destination_id={one['id']}")
    assert [] == caller.ok("GET", "/v4/destinations?source_id=999")
    text = "GET may only include the params: source_id and/or destination_id"
    assert (400, text) == refusal(caller, "GET", "/v4/destinations?name=x")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "duckdb"},
        {"properties": {}},
        {"type": "", "properties": {}},
        {"type": "duckdb", "properties": []},
        DUCKDB | {"colour": "red"},
        DUCKDB | {"name": 7},
        DUCKDB | {"ignore_unmapped_sources": "yes"},
        [],
    ],
)
def test_a_body_that_is_none_is_refused_in_plain_text(caller: Caller, body: Any) -> None:
    """The documented sentence, and nothing is made. (A42)"""
    assert (400, WRONG_POST) == refusal(caller, "POST", "/v4/destinations", body)
    assert 1 == len(caller.ok("GET", "/v4/destinations"))


@pytest.mark.parametrize(
    ("type_", "given", "bad"),
    [
        ("duckdb", {}, ["file"]),
        ("duckdb", {"file": "../victim.duckdb"}, ["file"]),
        ("duckdb", {"file": "/etc/passwd.duckdb"}, ["file"]),
        ("duckdb", {"file": "a.duckdb\n"}, ["file"]),
        ("duckdb", {"file": 7, "path": "x"}, ["file", "path"]),
        ("postgres", {"host": "h"}, ["database", "password", "ssl", "username"]),
        (
            "postgres",
            {
                "host": "h?sslmode=disable",
                "port": "99999x",
                "database": "a/b",
                "ssl": "perhaps",
                "username": "",
                "password": None,
                "encryption_type": "ssh",
            },
            ["database", "encryption_type", "host", "password", "port", "ssl", "username"],
        ),
        (
            "postgres",
            {"host": "h", "port": 99999, "database": "d", "ssl": True, "username": "u", "password": "p"},
            ["database", "encryption_type", "host", "password", "port", "ssl", "username"],
        ),
    ],
)
def test_properties_that_will_not_do_are_named(
    caller: Caller, type_: str, given: dict[str, Any], bad: list[str]
) -> None:
    """The refusal names them and shows the form; no value leaves the account's folder. (A42)"""
    answer = caller.call("POST", "/v4/destinations", {"type": type_, "properties": given})
    assert (400, "InvalidProperties") == (answer.status_code, answer.json()["error"])
    assert bad == answer.json()["data"]["bad_properties"]
    assert type_ == answer.json()["data"]["report_card"]["type"]


def test_a_type_nobody_has_is_named(caller: Caller) -> None:
    """Other warehouses of Stitch are not there. (A42)"""
    answer = caller.call("POST", "/v4/destinations", {"type": "redshift", "properties": {}})
    message = "invalid destination type (redshift)"
    assert (400, {"error": "InvalidType", "data": {"message": message}}) == (
        answer.status_code,
        answer.json(),
    )


def test_the_eleventh_and_a_second_at_one_place_are_refused(caller: Caller) -> None:
    """In the documented words; two destinations would take each other's position for their own. (A42)"""
    made(caller)
    text = "there already is a destination at this place"
    assert (400, text) == refusal(caller, "POST", "/v4/destinations", DUCKDB)
    for number in range(8):
        made(caller, properties={"file": f"{number}.duckdb"})
    body = {"type": "duckdb", "properties": {"file": "eleventh.duckdb"}}
    assert (400, "you are at your destination limit") == refusal(caller, "POST", "/v4/destinations", body)


def test_a_change_keeps_what_is_not_given(caller: Caller) -> None:
    """Names alone can be changed too; the type cannot, and an unknown one is said to be so. (A43)"""
    one = made(caller, name="Staging")
    path = f"/v4/destinations/{one['id']}"
    changed = caller.ok("PUT", path, {"description": "new"})
    assert changed.pop("check_job_name").startswith(f"{caller.client_id}.{one['id']}.check.")
    assert one | {"description": "new", "updated_at": changed["updated_at"]} == changed
    moved = caller.ok("PUT", path, {"properties": {"file": "other.duckdb"}})
    assert ({"file": "other.duckdb"}, "Staging") == (moved["properties"], moved["name"])
    text = "this API endpoint does not support modifying destination type"
    assert (400, text) == refusal(caller, "PUT", path, {"type": "postgres", "properties": {}})
    assert (400, "invalid connection id") == refusal(caller, "PUT", "/v4/destinations/999", {"name": "x"})


def test_deleting_is_answered_once(caller: Caller) -> None:
    """Sources stay, unmapped, until the next destination takes them over. (A44)"""
    source = caller.source("A", destination_id=made(caller)["id"])
    assert {} == caller.ok("DELETE", "/v4/destinations/2")
    text = f"Unable to locate dest (2) for client ({caller.client_id}) to delete"
    assert (400, text) == refusal(caller, "DELETE", "/v4/destinations/2")
    for path in ("/v4/destinations/x2", "/v4/destinations/", "/v4/destinations"):
        assert 404 == caller.call("DELETE", path).status_code
    aside = made(caller, properties={"file": "aside.duckdb"}, ignore_unmapped_sources=True)
    assert 2 == caller.ok("GET", f"/v4/sources/{source['id']}")["destination_id"]
    following = made(caller, properties={"file": "next.duckdb"})
    assert following["id"] == caller.ok("GET", f"/v4/sources/{source['id']}")["destination_id"]
    assert aside["id"] != following["id"]


def test_postgresql_is_checked_before_it_is_saved(
    caller: Caller, tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """A real server is connected to; the password comes back in no answer and no error. (A41, A45)"""
    exercised("Connect API: PostgreSQL as a destination")
    place = urlsplit("postgresql://" + address(tmp_path))
    password = unquote(place.password or "")
    given = {
        "host": place.hostname,
        "port": place.port,
        "database": place.path[1:],
        "username": place.username,
        "password": password,
        "ssl": False,
    }
    wrong = caller.call(
        "POST", "/v4/destinations", {"type": "postgres", "properties": given | {"database": "no such one"}}
    )
    assert (400, "ConnectionFailed") == (wrong.status_code, wrong.json()["error"])
    assert "no such one" in wrong.json()["data"]["message"]
    one = caller.ok("POST", "/v4/destinations", {"type": "postgres", "properties": given})
    assert {
        "host": place.hostname,
        "port": str(place.port),
        "database": given["database"],
        "username": place.username,
        "ssl": "false",
        "encryption_type": "none",
    } == one["properties"]
    card = one["report_card"]["steps"][0]["properties"]
    assert {"password": True} == {each["name"]: each["provided"] for each in card if each["is_credential"]}
    changed = caller.ok("PUT", f"/v4/destinations/{one['id']}", {"properties": {"port": given["port"]}})
    assert one["properties"] == changed["properties"]
    with caller.store.reading() as conn:
        found = destinations.get(conn, one["id"])
    assert password not in wrong.text + str(one) + str(found)


def test_a_password_goes_nowhere_else(
    caller: Caller, tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """Who may change a destination does not get its password sent to a server of theirs. (A47)"""
    exercised("Connect API: PostgreSQL as a destination")
    given = as_properties("postgresql://" + address(tmp_path))
    one = caller.ok("POST", "/v4/destinations", {"type": "postgres", "properties": given})
    path = f"/v4/destinations/{one['id']}"
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        theirs.setblocking(False)
        changes: list[dict[str, Any]] = [
            {"host": "localhost"},
            {"port": theirs.getsockname()[1]},
            {"username": "postgres"},
            {"ssl": True},
            {"port": str(theirs.getsockname()[1]), "database": "other"},
        ]
        for change in changes:
            refused = caller.call("PUT", path, {"properties": change})
            assert (400, "InvalidProperties") == (refused.status_code, refused.json()["error"])
            assert ["password"] == refused.json()["data"]["bad_properties"]
            card = refused.json()["data"]["report_card"]["steps"][0]["properties"]
            assert {each["name"] for each in card} - {"password", "sslrootcert"} == {
                each["name"] for each in card if each["provided"]
            }
        with pytest.raises(BlockingIOError):
            theirs.accept()
    assert one == caller.ok("GET", path)
    same = {"host": given["host"], "port": str(given["port"]), "username": given["username"], "ssl": "false"}
    assert one["properties"] == caller.ok("PUT", path, {"properties": same})["properties"]
    moved = {"host": "localhost", "password": given["password"]}
    assert "localhost" == caller.ok("PUT", path, {"properties": moved})["properties"]["host"]


def test_options_of_an_address_do_not_lead_elsewhere(caller: Caller, tmp_path: Path) -> None:
    """A password may stand among the options of an address; a form sees it all the same. (A47)"""
    url = "postgresql://loader@db.example/shop?host=real.example&password=hush&sslpassword=pst&connect_timeout=3"
    with caller.store.writing() as conn:
        one = destinations.create(conn, caller.client_id, url, "Shop")
    form = form_of(url)
    assert form is not None
    assert ("real.example", "hush") == (form.read(url)["host"], form.read(url)["password"])
    refused = caller.call("PUT", f"/v4/destinations/{one.id}", {"properties": {"host": "evil.example"}})
    assert ["password"] == refused.json()["data"]["bad_properties"]
    moved = form.address({"host": "evil.example", "password": "new"}, url, tmp_path)
    assert [] == [each for each in ("hush", "pst", "real.example") if each in moved]
    assert "connect_timeout=3" in moved
