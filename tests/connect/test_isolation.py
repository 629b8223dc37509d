"""
A second account tries everything on what the first one owns, by every endpoint there is. (P12)

The cases are made from the route table, so that a new endpoint cannot be forgotten: one whose path has a name
that `OWNED` does not know fails here until somebody says what it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.connect.caller import Caller, connect_api, new_caller
from tidegate.connect.calls import Route
from tidegate.connect.routes import ROUTES
from tidegate.control import stream_schemas
from tidegate.control.stream_schemas import Seen

NOBODYS = "987654"
"""An id that no account has."""

BODIES: dict[str, Any] = {
    "PUT /notifications/public/v1/api/custom-emails/{email_id}": {"disabled_at": "2020-01-01T00:00:00Z"},
    "PUT /notifications/public/v1/api/hooks/{hook_id}": {"enable": False},
    "PUT /v4/destinations/{destination_id}": {"name": "Stolen"},
    "PUT /v4/sources/{source_id}": {"display_name": "Stolen", "paused_at": "2020-01-01T00:00:00Z"},
}
"""Endpoint -> a body that would succeed on one's own; without one nothing is sent."""

DOES_NOTHING = {"DELETE /notifications/public/v1/api/custom-emails/{email_id}": [0]}
"""Endpoint -> what it answers with 200 for an id that nobody has."""


@dataclass(frozen=True)
class Town:
    """Two accounts on one server."""

    victim: Caller
    thief: Caller
    owned: dict[str, str]


@pytest.fixture
def town(kind: str, tmp_path: Path, exercised: Callable[[str], None]) -> Iterator[Town]:
    """The first account has something of every kind; the second has only itself."""
    exercised(f"Connect API: two accounts, on {kind}")
    with connect_api(tmp_path, kind=kind) as api:
        victim, thief = (new_caller(api, tmp_path, name) for name in ("victim", "thief"))
        source_id = victim.source()["id"]
        token_id = victim.ok("POST", f"/v4/sources/{source_id}/tokens")["id"]
        victim.ok("PUT", "/v4/destinations/1", {"description": "checked"})
        with api.store.writing() as conn:
            seen = Seen(source_id=source_id, table_name="victims", key_names=("id",), schema_text="{}")
            stream_schemas.note(conn, [seen])
        notices = "/notifications/public/v1/api"
        email = victim.ok("POST", f"{notices}/custom-emails", {"email_address": "victim@example.com"})
        call = {"type": "post_load", "destination_id": 1, "config": {"url": "https://victim.example.com"}}
        hook = victim.ok("POST", f"{notices}/hooks", call)
        owned = {
            "stream_id": "1",
            "email_id": str(email["id"]),
            "hook_id": str(hook["id"]),
            "source_id": str(source_id),
            "token_id": str(token_id),
            "destination_id": "1",
            "client_id": str(victim.client_id),
        }
        yield Town(victim, thief, owned)


def filled(path: str, values: dict[str, str]) -> str:
    """Put values into a path; KeyError for a name that nobody explained."""
    public = {"type": "postgres" if "destination" in path else "import_api"}
    return re.sub(r"\{(\w+)\}", lambda found: (values | public)[found[1]], path)


def everything(caller: Caller, owned: dict[str, str]) -> list[Any]:
    """All that an account can read."""
    return [caller.ok("GET", filled(route.path, owned)) for route in ROUTES if route.method == "GET"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_anothers_property_is_as_if_there_were_none(town: Town, route: Route) -> None:
    """What another account owns is answered, to the letter, like an id nobody has, and is left as it was."""
    before = everything(town.victim, town.owned)
    body = BODIES.get(f"{route.method} {route.path}")
    tried = town.thief.call(route.method, filled(route.path, town.owned), body)
    nobodys = town.thief.call(route.method, filled(route.path, dict.fromkeys(town.owned, NOBODYS)), body)
    if filled(route.path, town.owned) != filled(route.path, dict.fromkeys(town.owned, NOBODYS)):
        done_nothing = DOES_NOTHING.get(f"{route.method} {route.path}")
        assert 400 <= tried.status_code < 500 or tried.json() == done_nothing
        assert nobodys.status_code == tried.status_code
        assert re.sub(r"\d+", "N", nobodys.text) == re.sub(r"\d+", "N", tried.text)
    assert before == everything(town.victim, town.owned)


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if each.method == "GET"], ids=lambda route: str(route.path)
)
def test_lists_hold_ones_own_alone(town: Town, route: Route) -> None:
    """Nothing that an account reads of its own mentions the other."""
    if "{" not in route.path:
        read = town.thief.call("GET", route.path).text
        assert f'client_id": {town.victim.client_id}' not in read
        assert "victim" not in read


def test_nothing_of_ones_own_can_point_to_anothers(town: Town) -> None:
    """A source cannot be made to load into another account's destination, nor a hook to tell of its loads."""
    hook = {"type": "post_load", "destination_id": 1, "config": {"url": "https://thief.example.com"}}
    answer = town.thief.call("POST", "/notifications/public/v1/api/hooks", hook)
    assert (400, "InvalidBody") == (answer.status_code, answer.json()["error"])
    answer = town.thief.call(
        "POST", "/v4/sources", {"type": "import_api", "display_name": "Mine", "destination_id": 1}
    )
    assert (400, "InvalidDestination") == (answer.status_code, answer.json()["error"])
