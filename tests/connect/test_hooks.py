"""`/notifications/public/v1/api/hooks`: post-load hooks are made, listed, switched off and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.connect.caller import Caller, connect_api, new_caller
from tidegate.connect.calls import Limits
from tidegate.control import hooks

PATH = "/notifications/public/v1/api/hooks"
URL = "https://receiver.example.com/loads?key=1"
INVALID_POST = {"error": "InvalidBody", "data": {"message": "Invalid POST body"}}
INVALID_URI = {"error": "InvalidBody", "data": {"message": "Invalid URI"}}
INVALID_PUT = {
    "error": "InvalidBody",
    "data": {"message": "PUT body must only contain boolean 'enable' key"},
}


def destination_id(caller: Caller) -> int:
    """The account's destination."""
    found: int = caller.ok("GET", "/v4/destinations")[0]["id"]
    return found


def body(caller: Caller, **changed: Any) -> dict[str, Any]:
    """What makes a hook."""
    return {
        "type": "post_load",
        "destination_id": destination_id(caller),
        "config": {"url": URL},
    } | changed


def refusal(caller: Caller, method: str, path: str, sent: Any = None, **options: Any) -> tuple[int, Any]:
    """Call, and return status and body."""
    answer = caller.call(method, path, sent, **options)
    return answer.status_code, answer.json()


def test_a_hook_is_the_documented_object(caller: Caller) -> None:
    """What was made is what is listed; what signs the calls is told once, and nowhere kept readable. (A60)"""
    assert {"post_load": []} == caller.ok("GET", PATH)
    made = caller.ok("POST", PATH, body(caller))
    secret = made.pop("signing_secret")
    assert {
        "id": 1,
        "client_id": caller.client_id,
        "type": "post_load",
        "version": 1,
        "destination_id": destination_id(caller),
        "config": {"url": URL},
        "created_at": made["created_at"],
        "modified_at": made["created_at"],
        "disabled_at": None,
    } == made
    assert {"post_load": [made]} == caller.ok("GET", PATH)
    assert (True, 46) == (secret.startswith("hs_"), len(secret))
    with caller.store.reading() as conn:
        assert secret == hooks.secret_of(conn, 1)
        dumped = [str(row) for row in conn.exec_driver_sql("SELECT * FROM hooks").all()]
    assert secret not in "".join(dumped)


def test_the_destination_may_be_left_out_where_there_is_one(caller: Caller) -> None:
    """With several it must be named. (A60)"""
    without = {name: value for name, value in body(caller).items() if name != "destination_id"}
    assert destination_id(caller) == caller.ok("POST", PATH, without)["destination_id"]
    caller.ok("POST", "/v4/destinations", {"type": "duckdb", "properties": {"file": "second.duckdb"}})
    assert (400, INVALID_POST) == refusal(caller, "POST", PATH, without)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": None},
        {"type": "pre_load"},
        {"config": None},
        {"config": {}},
        {"config": "https://a.example.com"},
        {"config": {"url": 1}},
        {"config": {"url": None}},
        {"config": {"url": URL, "method": "GET"}},
        {"destination_id": "1"},
        {"destination_id": True},
        {"destination_id": None},
        {"destination_id": 987_654},
        {"destination_id": 2**70},
        {"version": 1},
        {"id": 5},
    ],
    ids=str,
)
def test_a_body_with_missing_or_prohibited_keys_is_refused(caller: Caller, changed: dict[str, Any]) -> None:
    """With `Invalid POST body`; nothing is made. (A61)"""
    assert (400, INVALID_POST) == refusal(caller, "POST", PATH, body(caller, **changed))
    for missing in ("type", "config"):
        less = {name: value for name, value in body(caller).items() if name != missing}
        assert (400, INVALID_POST) == refusal(caller, "POST", PATH, less)
    assert {"post_load": []} == caller.ok("GET", PATH)


@pytest.mark.parametrize("sent", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(caller: Caller, sent: bytes) -> None:
    """With the endpoint's own words. (A61)"""
    for method, path, refused in (("POST", PATH, INVALID_POST), ("PUT", f"{PATH}/1", INVALID_PUT)):
        answer = caller.call(method, path, content=sent)
        assert (400, refused) == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example.com",
        "http://receiver.example.com/",
        "ftp://receiver.example.com/",
        "HTTP://receiver.example.com/",
        "https://",
        "https:///path",
        "https://receiver.example.com:0/",
        "https://receiver.example.com:99999/",
        "https://receiver.example.com:port/",
        "https://user:password@receiver.example.com/",
        "https://user@receiver.example.com/",
        "https://receiver.example.com/#part",
        "https://receiver.example.com/a b",
        "https://receiver.example.com/\r\nHost: other",
        "https://receiver.example.com\\@other.example.com/",
        "https://réceiver.example.com/",
        "https://[::1/",
        "https://receiver.example.com/" + "x" * 2_000,
    ],
)
def test_an_address_that_cannot_be_called_is_refused(caller: Caller, url: str) -> None:
    """Without TLS, without host, with a password, or with what would change the request. (A62)"""
    assert (400, INVALID_URI) == refusal(caller, "POST", PATH, body(caller, config={"url": url}))


def test_the_operator_may_allow_addresses_without_tls(tmp_path: Path) -> None:
    """`hook_schemes` any lets http pass, and nothing else. (A62)"""
    with connect_api(tmp_path, Limits(plain_hooks=True)) as api:
        caller = new_caller(api, tmp_path, "Plain")
        plain = "http://receiver.example.com:8080/"
        made = caller.ok("POST", PATH, body(caller, config={"url": plain}))
        assert {"url": plain} == made["config"]
        ftp = body(caller, config={"url": "ftp://receiver.example.com/"})
        assert (400, INVALID_URI) == refusal(caller, "POST", PATH, ftp)


def test_there_are_at_most_ten_hooks(caller: Caller) -> None:
    """Disabled ones count too; deleting one makes room. (A63)"""
    for _ in range(10):
        caller.ok("POST", PATH, body(caller))
    caller.ok("PUT", f"{PATH}/1", {"enable": False})
    refused = {"error": {"message": "You have exceeded the limit of 10 hooks."}}
    assert (400, refused) == refusal(caller, "POST", PATH, body(caller))
    caller.ok("DELETE", f"{PATH}/1")
    caller.ok("POST", PATH, body(caller))


def test_a_hook_is_switched_off_and_on(caller: Caller) -> None:
    """The answer is the hook; a disabled one is listed with the time. (A64)"""
    caller.ok("POST", PATH, body(caller))
    off = caller.ok("PUT", f"{PATH}/1", {"enable": False})
    assert (True, [off]) == (off["disabled_at"] is not None, caller.ok("GET", PATH)["post_load"])
    assert off == caller.ok("PUT", f"{PATH}/1", {"enable": False})
    assert caller.ok("PUT", f"{PATH}/1", {"enable": True})["disabled_at"] is None


@pytest.mark.parametrize(
    "sent", [{}, {"enable": 1}, {"enable": "true"}, {"enable": None}, {"enable": True, "config": {}}], ids=str
)
def test_a_change_of_anything_else_is_refused(caller: Caller, sent: Any) -> None:
    """A hook's address cannot be changed. (A64)"""
    caller.ok("POST", PATH, body(caller))
    assert (400, INVALID_PUT) == refusal(caller, "PUT", f"{PATH}/1", sent)


def test_a_deleted_hook_is_gone(caller: Caller) -> None:
    """The answer is null; afterwards it is as if it had never been. (A64)"""
    caller.ok("POST", PATH, body(caller))
    answer = caller.call("DELETE", f"{PATH}/1")
    assert (200, "null") == (answer.status_code, answer.text)
    assert {"post_load": []} == caller.ok("GET", PATH)
    for hook_id in ("1", "0", "-1", "x", "9" * 30, "%20"):
        assert (400, {"error": "NotFound"}) == refusal(caller, "DELETE", f"{PATH}/{hook_id}")
        assert (400, {"error": "NotFound"}) == refusal(caller, "PUT", f"{PATH}/{hook_id}", {"enable": True})
    assert 404 == caller.call("GET", f"{PATH}/1").status_code
