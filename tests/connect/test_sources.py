"""`/v4/sources` and `/v4/source-types`, as documented: bodies, rules and the texts of refusals."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.connect.caller import Caller
from tidegate.control import accounts, destinations
from tidegate.control.schema_names import RULE

POST_BODY = (
    "POST body may only include a non-empty type, a non-empty display_name and map of string properties"
)
PUT_BODY = "PUT body many only include the keys: display_name, properties, and paused_at"
CARD = {
    "type": "import_api",
    "current_step": 2,
    "current_step_type": "fully_configured",
    "steps": [{"type": "form", "properties": []}, {"type": "fully_configured", "properties": []}],
}


def refusal(caller: Caller, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
    """Call an endpoint that must refuse. Shape: -> status, code, message."""
    answer = caller.call(method, path, body)
    return answer.status_code, answer.json()["error"], answer.json()["data"]["message"]


def test_a_new_source_is_the_documented_object(caller: Caller) -> None:
    """Scripts written for Stitch find every key, and times to the second. (A10)"""
    made = caller.source("Import API")
    times = made.pop("created_at"), made.pop("updated_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", times[0])
    assert times[0] == times[1]
    assert {
        "properties": {},
        "schedule": None,
        "name": "import_api",
        "type": "import_api",
        "deleted_at": None,
        "system_paused_at": None,
        "stitch_client_id": caller.client_id,
        "paused_at": None,
        "id": 1,
        "display_name": "Import API",
        "destination_id": None,
        "report_card": CARD,
    } == made


def test_a_source_is_read_as_it_was_answered(caller: Caller) -> None:
    """Created, shown and listed, it is the same object; the list is by id. (A10)"""
    made = [caller.source(name) for name in ("First", "Second")]
    assert made == caller.ok("GET", "/v4/sources")
    assert made[1] == caller.ok("GET", f"/v4/sources/{made[1]['id']}")


def test_the_types_of_sources_have_report_cards(caller: Caller) -> None:
    """Scripts that follow report cards find that nothing has to be filled in. (A9)"""
    (card,) = caller.ok("GET", "/v4/source-types")
    assert card == caller.ok("GET", "/v4/source-types/import_api")
    assert CARD == {name: card[name] for name in CARD}
    assert ("import_api", None) == (card["details"]["protocol"], card["upgrade_available"])
    assert 404 == caller.call("GET", "/v4/source-types/postgres").status_code


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"type": "github", "display_name": "A"}, "InvalidType", "invalid source type (platform.github)"),
        ({"type": "platform.x", "display_name": "A"}, "InvalidType", "invalid source type (platform.x)"),
        (
            {"type": "import_api", "display_name": "####"},
            "InvalidDisplayName",
            "invalid name after deriving it from display_name (#### -> )",
        ),
        (
            {"type": "import_api", "display_name": "Taken!!!"},
            "InvalidName",
            "non-unique name after deriving it from display_name (Taken!!! -> taken)",
        ),
        (
            {"type": "import_api", "display_name": "Other", "name": "taken"},
            "InvalidName",
            "non-unique name (taken)",
        ),
        ({"type": "import_api", "display_name": "x" * 50}, "InvalidName", RULE),
        ({"type": "import_api", "display_name": "x" * 10_000}, "InvalidName", RULE),
        ({"type": "import_api", "display_name": "A", "name": "Ta ken"}, "InvalidName", RULE),
        ({"type": "import_api", "display_name": "A", "name": "t\u0430ken"}, "InvalidName", RULE),
        ({"type": "import_api", "display_name": " "}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": 7}, "InvalidBody", POST_BODY),
        ({"type": "", "display_name": "A"}, "InvalidBody", POST_BODY),
        ({"display_name": "A"}, "InvalidBody", POST_BODY),
        ({"type": "import_api"}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "colour": "red"}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "name": 7}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "properties": {"a": 1}}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "properties": []}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "destination_id": "1"}, "InvalidBody", POST_BODY),
        ({"type": "import_api", "display_name": "A", "destination_id": 2**70}, "InvalidBody", POST_BODY),
        (
            {"type": "import_api", "display_name": "A", "destination_id": 77},
            "InvalidDestination",
            "destination not found (77)",
        ),
        (
            {"type": "import_api", "display_name": "A", "properties": {"token": "x"}},
            "InvalidProperties",
            "properties do not match schema",
        ),
    ],
)
def test_a_source_that_cannot_be_made_is_refused_in_the_documented_words(
    caller: Caller, body: Any, code: str, message: str
) -> None:
    """Each rule has its code and text, and nothing is made. (A11)"""
    caller.source("Taken")
    assert (400, code, message) == refusal(caller, "POST", "/v4/sources", body)
    assert 1 == len(caller.ok("GET", "/v4/sources"))


def test_a_name_of_49_characters_is_taken(caller: Caller) -> None:
    """The rule says under 50; a name of its own is taken as it is. (A11)"""
    assert "x" * 49 == caller.source("x" * 49)["name"]
    assert "shop_2" == caller.source("Another", name="shop_2")["name"]


def test_renaming_keeps_the_schema(caller: Caller) -> None:
    """The tables stay where they are. (A12)"""
    made = caller.source()
    renamed = caller.ok("PUT", f"/v4/sources/{made['id']}", {"display_name": "Shop of the web"})
    assert ("Shop of the web", "web_shop") == (renamed["display_name"], renamed["name"])


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2016-01-01T00:00:00Z", "2016-01-01T00:00:00Z"),
        ("2999-01-01T00:00:00+01:00", "2998-12-31T23:00:00Z"),
        ("2020-02-03", "2020-02-03T00:00:00Z"),
    ],
)
def test_any_date_pauses_and_null_resumes(caller: Caller, given: str, answered: str) -> None:
    """A date in the past or ahead pauses now and is answered as given. (A12)"""
    path = f"/v4/sources/{caller.source()['id']}"
    assert answered == caller.ok("PUT", path, {"paused_at": given})["paused_at"]
    assert answered == caller.ok("PUT", path, {"display_name": "Other"})["paused_at"]
    assert caller.ok("PUT", path, {"paused_at": None})["paused_at"] is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"schedule": None}, "InvalidBody", PUT_BODY),
        ({"type": "import_api"}, "InvalidBody", PUT_BODY),
        ([], "InvalidBody", PUT_BODY),
        ({"paused_at": "soon"}, "InvalidBody", PUT_BODY),
        ({"paused_at": True}, "InvalidBody", PUT_BODY),
        ({"paused_at": "0001-01-01T00:00:00+14:00"}, "InvalidBody", PUT_BODY),
        ({"display_name": ""}, "InvalidDisplayName", "invalid display_name ()"),
        ({"display_name": 7}, "InvalidDisplayName", "invalid display_name (7)"),
        ({"display_name": None}, "InvalidDisplayName", "invalid display_name ()"),
        ({"properties": {"token": "x"}}, "InvalidProperties", "properties do not match schema"),
    ],
)
def test_a_change_that_breaks_a_rule_changes_nothing(
    caller: Caller, body: Any, code: str, message: str
) -> None:
    """Each rule has its code and text; a good key beside a bad one is not applied. (A12)"""
    made = caller.source()
    path = f"/v4/sources/{made['id']}"
    assert (400, code, message) == refusal(caller, "PUT", path, body)
    if isinstance(body, dict) and "display_name" not in body:
        refusal(caller, "PUT", path, {"display_name": "Other", **body})
    assert made == caller.ok("GET", path)


def test_deleting_frees_the_name_for_good(caller: Caller) -> None:
    """A deleted source is still listed and shown, cannot be changed, and its name can be used again. (A13)"""
    made = caller.source()
    path = f"/v4/sources/{made['id']}"
    gone = caller.ok("DELETE", path)
    assert gone["deleted_at"] is not None
    assert gone == caller.ok("GET", path)
    again = caller.source()
    assert ("web_shop", [gone, again]) == (again["name"], caller.ok("GET", "/v4/sources"))
    for method, body in (("DELETE", None), ("PUT", {"paused_at": None})):
        assert (400, "InvalidId", f"source not found ({made['id']})") == refusal(caller, method, path, body)


@pytest.mark.parametrize("source_id", ["999", "0", "-1", "one", "1.0", "9" * 40, "%D9%A1"])
def test_an_id_that_is_nobodys_is_named(caller: Caller, source_id: str) -> None:
    """Unknown numbers and what is no number get the same answer. (A14)"""
    caller.source()
    for method in ("GET", "PUT", "DELETE"):
        found = refusal(caller, method, f"/v4/sources/{source_id}", {})
        assert (400, "InvalidId") == found[:2]


def test_a_source_is_moved_and_back(caller: Caller) -> None:
    """To a destination of the account, or with null to the default one; others are not there. (A16, A30)"""
    path = f"/v4/sources/{caller.source()['id']}"
    body = {"type": "duckdb", "properties": {"file": "aside.duckdb"}}
    aside = caller.ok("POST", "/v4/destinations", body)["id"]
    assert aside == caller.ok("PUT", path, {"destination_id": aside})["destination_id"]
    (found,) = caller.ok("GET", f"/v4/destinations?source_id={path.rpartition('/')[2]}")
    assert aside == found["id"]
    assert aside == caller.ok("PUT", path, {"display_name": "Other"})["destination_id"]
    with caller.store.writing() as conn:
        other = accounts.create(conn, "Other").client_id
        theirs = destinations.create(conn, other, "postgresql://db/theirs", "Theirs").id
    for wrong in (theirs, 77):
        message = f"destination not found ({wrong})"
        assert (400, "InvalidDestination", message) == refusal(caller, "PUT", path, {"destination_id": wrong})
    for wrong_kind in ("1", True, 0, 2**70, [1]):
        answer = refusal(caller, "PUT", path, {"destination_id": wrong_kind, "display_name": "No"})
        assert (400, "InvalidBody", PUT_BODY) == answer
    assert ("Other", aside) == tuple(
        caller.ok("GET", path)[name] for name in ("display_name", "destination_id")
    )
    assert caller.ok("PUT", path, {"destination_id": None})["destination_id"] is None
