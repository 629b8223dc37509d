"""Who is let in to the Connect API, and what everybody else is told."""

from __future__ import annotations

import pytest

from tests.connect.caller import Caller, sent
from tidegate.connect.app import BODY_BYTES_MAX
from tidegate.connect.calls import Route
from tidegate.connect.routes import ROUTES
from tidegate.control import connect_tokens


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_enters_without_a_token(caller: Caller, route: Route) -> None:
    """Every endpoint of the route table refuses no token, a wrong one, and one sent as a cookie. (A1)"""
    method, path = route.method, route.path.replace("{", "").replace("}", "")
    for headers in (
        {},
        {"Authorization": "Bearer ac_" + "x" * 43},
        {"Authorization": caller.secret},
        {"Authorization": f"Basic {caller.secret}"},
        {"Cookie": f"access_token={caller.secret}; Authorization=Bearer {caller.secret}"},
    ):
        answer = sent(caller.api, method, path, headers=headers)
        assert (401, {"message": "Not Authorized"}) == (answer.status_code, answer.json())


def test_an_access_token_of_a_source_does_not_run_the_account(caller: Caller) -> None:
    """The two kinds of token never stand for each other. (A2)"""
    made = caller.ok("POST", f"/v4/sources/{caller.source()['id']}/tokens")
    answer = caller.call("GET", "/v4/sources", headers={"Authorization": f"Bearer {made['access_token']}"})
    assert 401 == answer.status_code


def test_a_revoked_token_is_refused_from_the_next_call_on(caller: Caller) -> None:
    """Nothing is remembered of a token but in the store. (A3)"""
    assert [] == caller.ok("GET", "/v4/sources")
    with caller.store.writing() as conn:
        connect_tokens.revoke(conn, connect_tokens.list_(conn)[0].id)
    assert 401 == caller.call("GET", "/v4/sources").status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/v4/sources"),
        ("DELETE", "/v4/sources"),
        ("POST", "/v4/source-types"),
        ("GET", "/v4/nothing"),
    ],
)
def test_a_path_or_method_nobody_serves_is_not_found(caller: Caller, method: str, path: str) -> None:
    """A known path with another method answers 404, as documented, never 405. (A4)"""
    answer = caller.call(method, path)
    assert (404, {"message": "Not Found"}) == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"[" * 200_000, b'{"a": 1e999}', b"\xff", b'"\\ud800"']
)
def test_a_body_that_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    """Whatever is sent, the answer is the endpoint's own refusal. (A5)"""
    headers = {"Authorization": f"Bearer {caller.secret}"}
    answer = sent(caller.api, "POST", "/v4/sources", content=body, headers=headers)
    assert (400, "InvalidBody") == (answer.status_code, answer.json()["error"])


def test_a_body_without_end_is_refused(caller: Caller) -> None:
    """Memory is bounded: what is over the limit is not read to its end. (A6)"""
    headers = {"Authorization": f"Bearer {caller.secret}"}
    body = b" " * (BODY_BYTES_MAX + 1)
    assert 413 == sent(caller.api, "POST", "/v4/sources", content=body, headers=headers).status_code


def test_a_store_that_fails_is_a_503_without_details(caller: Caller) -> None:
    """A caller may try again, and learns nothing of paths and statements. (A7)"""
    with caller.store.writing() as conn:
        conn.exec_driver_sql("DROP TABLE connect_tokens")
    answer = caller.call("GET", "/v4/sources")
    assert (503, {"message": "Service Unavailable"}) == (answer.status_code, answer.json())
