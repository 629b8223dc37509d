"""`/notifications/public/v1/api/custom-emails`: who is told of an account's troubles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connect.caller import Caller

PATH = "/notifications/public/v1/api/custom-emails"
WRONG_ADDRESS = {"error": {"message": {"email_address": "Required. Must be valid email address format."}}}


def added(caller: Caller, address: str = "ops@example.com") -> Any:
    """Add an address."""
    return caller.ok("POST", PATH, {"email_address": address})


def test_an_address_is_the_documented_object(caller: Caller) -> None:
    """What was added is what is listed, disabled ones too. (A65)"""
    assert [] == caller.ok("GET", PATH)
    made = added(caller)
    assert {
        "id": 1,
        "client_id": caller.client_id,
        "email_address": "ops@example.com",
        "created_at": made["created_at"],
        "disabled_at": None,
    } == made
    caller.ok("PUT", f"{PATH}/1", {"disabled_at": "2019-07-16T19:49:51Z"})
    assert [made | {"disabled_at": "2019-07-16T19:49:51Z"}] == caller.ok("GET", PATH)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ops",
        "ops@",
        "@example.com",
        "ops@example",
        "ops@@example.com",
        "ops@example.com, other@example.com",
        "ops@example.com\r\nBcc: other@example.com",
        "ops @example.com",
        '"ops"@example.com',
        "ops@[192.0.2.1]",
        ".ops@example.com",
        "ops@-example.com",
        "öps@example.com",
        "x" * 65 + "@example.com",
        "ops@" + "x" * 250 + ".com",
        None,
        5,
        ["ops@example.com"],
    ],
    ids=repr,
)
def test_what_is_no_address_is_refused(caller: Caller, address: Any) -> None:
    """Also what a mail server would take for several, or for a header. (A66)"""
    answer = caller.call("POST", PATH, {"email_address": address})
    assert (400, WRONG_ADDRESS) == (answer.status_code, answer.json())


@pytest.mark.parametrize("sent", [b"", b"{}", b"[]", b"{", b'{"email_address":"a@example.com","x":1}'])
def test_a_body_without_the_one_key_is_refused(caller: Caller, sent: bytes) -> None:
    """In the same words. (A66)"""
    answer = caller.call("POST", PATH, content=sent)
    assert (400, WRONG_ADDRESS) == (answer.status_code, answer.json())


def test_there_are_at_most_ten_addresses(caller: Caller) -> None:
    """Disabled ones count too. (A66)"""
    for number in range(10):
        added(caller, f"ops+{number}@example.com")
    answer = caller.call("POST", PATH, {"email_address": "one.more@example.com"})
    words = "Account not authorized to create additional custom notification email addresses."
    assert (400, {"error": {"message": words}}) == (answer.status_code, answer.json())
    assert [1] == caller.ok("DELETE", f"{PATH}/1")
    added(caller, "one.more@example.com")


@pytest.mark.parametrize("given", ["2019-07-16T19:49:51Z", "2999-01-01T00:00:00Z"])
def test_any_time_disables_at_once_and_null_enables(caller: Caller, given: str) -> None:
    """Past or ahead; the answer is the one key. (A67)"""
    added(caller)
    assert {"disabled_at": given} == caller.ok("PUT", f"{PATH}/1", {"disabled_at": given})
    assert {"disabled_at": None} == caller.ok("PUT", f"{PATH}/1", {"disabled_at": None})
    assert caller.ok("GET", PATH)[0]["disabled_at"] is None


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"disabled_at": "yesterday"}, "yesterday"),
        ({"disabled_at": ""}, ""),
        ({"disabled_at": 5}, 5),
        ({"disabled_at": True}, True),
        ({}, None),
        ({"enable": False}, None),
        ([], None),
    ],
    ids=str,
)
def test_a_time_that_is_none_is_answered_as_it_came(caller: Caller, sent: Any, answered: Any) -> None:
    """And nothing is changed. (A67)"""
    added(caller)
    answer = caller.call("PUT", f"{PATH}/1", sent)
    assert (400, {"disabled_at": answered}) == (answer.status_code, answer.json())
    assert caller.ok("GET", PATH)[0]["disabled_at"] is None


@pytest.mark.parametrize("email_id", ["2", "0", "x", "9" * 30])
def test_an_address_that_is_not_there_is_not_found(caller: Caller, email_id: str) -> None:
    """A change is refused with 404; a deletion tells that none was removed. (A67, A68)"""
    added(caller)
    answer = caller.call("PUT", f"{PATH}/{email_id}", {"disabled_at": None})
    assert (404, {"status": "NOT FOUND"}) == (answer.status_code, answer.json())
    assert [0] == caller.ok("DELETE", f"{PATH}/{email_id}")
    assert 1 == len(caller.ok("GET", PATH))


def test_a_deleted_address_is_gone(caller: Caller) -> None:
    """The answer counts what was removed. (A68)"""
    added(caller)
    assert ([1], [], [0]) == (
        caller.ok("DELETE", f"{PATH}/1"),
        caller.ok("GET", PATH),
        caller.ok("DELETE", f"{PATH}/1"),
    )
