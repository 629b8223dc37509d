"""`/v4/sources/{source_id}/tokens`: two at most, shown once, revoked at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from tests.connect.caller import Caller


def test_a_token_is_shown_once(caller: Caller) -> None:
    """The answer has the documented two keys; the list has ids and times alone, newest first. (A20)"""
    path = f"/v4/sources/{caller.source()['id']}/tokens"
    made = [caller.ok("POST", path) for _ in range(2)]
    assert {"id", "access_token"} == made[0].keys()
    assert re.fullmatch(r"at_[\w-]{43}", made[0]["access_token"])
    listed = caller.ok("GET", path)
    assert [made[1]["id"], made[0]["id"]] == [each["token_id"] for each in listed]
    assert [{"token_id", "created_at"}] * 2 == [each.keys() for each in listed]


def test_a_third_token_is_refused_until_one_is_revoked(caller: Caller) -> None:
    """Rotation needs two; revoking answers the source and makes room. (A20, A21)"""
    source = caller.source()
    path = f"/v4/sources/{source['id']}/tokens"
    first = caller.ok("POST", path)
    caller.ok("POST", path)
    refused = caller.call("POST", path)
    message = f"source ({source['id']}) already has the maximum of 2 active access tokens"
    assert (400, {"error": "TokenLimitReached", "data": {"message": message}}) == (
        refused.status_code,
        refused.json(),
    )
    answered = caller.ok("DELETE", f"{path}/{first['id']}")
    assert source | {"updated_at": answered["updated_at"]} == answered
    caller.ok("POST", path)


def test_of_many_tokens_made_at_once_two_are(caller: Caller) -> None:
    """Nobody gets a third token by being quick. (A20)"""
    path = f"/v4/sources/{caller.source()['id']}/tokens"
    with ThreadPoolExecutor(6) as pool:
        statuses = [each.status_code for each in pool.map(lambda _: caller.call("POST", path), range(6))]
    assert [200, 200, 400, 400, 400, 400] == sorted(statuses)


def test_what_cannot_be_revoked_is_named(caller: Caller) -> None:
    """Unknown, revoked, and another source's token get the same answer. (A21)"""
    path = f"/v4/sources/{caller.source()['id']}/tokens"
    others = f"/v4/sources/{caller.source('Other')['id']}/tokens"
    revoked, foreign = caller.ok("POST", path)["id"], caller.ok("POST", others)["id"]
    caller.ok("DELETE", f"{path}/{revoked}")
    for token_id in (revoked, foreign, 999, "x"):
        answer = caller.call("DELETE", f"{path}/{token_id}")
        expected = {"error": "InvalidId", "data": {"message": f"token not found ({token_id})"}}
        assert (400, expected) == (answer.status_code, answer.json())
    assert [foreign] == [each["token_id"] for each in caller.ok("GET", others)]


def test_a_deleted_source_has_no_tokens(caller: Caller) -> None:
    """Every token endpoint answers as for an unknown source. (A20)"""
    source_id = caller.source()["id"]
    token_id = caller.ok("POST", f"/v4/sources/{source_id}/tokens")["id"]
    caller.ok("DELETE", f"/v4/sources/{source_id}")
    for method, path in (("GET", "tokens"), ("POST", "tokens"), ("DELETE", f"tokens/{token_id}")):
        answer = caller.call(method, f"/v4/sources/{source_id}/{path}")
        assert (400, "InvalidId") == (answer.status_code, answer.json()["error"])
