"""Sources: `/v4/sources`. Source: docs/specs/connect-api.md, sources."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from tidegate.connect.calls import Call, Route, declined, is_id, json_object, moment, number, when
from tidegate.connect.source_types import IMPORT_API, report_card
from tidegate.control import destinations, sources
from tidegate.control.names import is_name, shown_name
from tidegate.control.schema_names import derive
from tidegate.control.sources import Source
from tidegate.errors import Conflict, Declined, InvalidName, Unknown

CREATE_KEYS = ("type", "display_name", "name", "properties", "destination_id")
UPDATE_KEYS = ("display_name", "paused_at", "properties", "destination_id")


def source_object(source: Source) -> dict[str, Any]:
    """Shape: a source -> the object that the Connect API answers."""
    return {
        "properties": {},
        "updated_at": when(source.updated_at),
        "schedule": None,
        "name": source.schema_name,
        "type": IMPORT_API,
        "deleted_at": when(source.deleted_at),
        "system_paused_at": None,
        "stitch_client_id": source.client_id,
        "paused_at": when(source.paused_at),
        "id": source.id,
        "display_name": source.display_name,
        "created_at": when(source.created_at),
        "destination_id": source.destination_id,
        "report_card": report_card(),
    }


def own_source(conn: Connection, call: Call, *, deleted: bool = False) -> Source:
    """Return the source the path names, when it is the caller's. Errors: Declined, `InvalidId`."""
    text = call.path["source_id"]
    try:
        found = sources.get(conn, number(text) or 0, client_id=call.client_id)
    except Unknown as exc:
        raise _unknown(text) from exc
    if found.deleted_at is not None and not deleted:
        raise _unknown(text)
    return found


def list_(call: Call) -> Any:
    """Answer all sources, paused and deleted ones too, oldest first."""
    with call.store.reading() as conn:
        return [source_object(each) for each in sources.list_(conn, call.client_id, deleted=True)]


def show(call: Call) -> Any:
    """Answer one source, a deleted one too."""
    with call.store.reading() as conn:
        return source_object(own_source(conn, call, deleted=True))


def create(call: Call) -> Any:
    """Make a source."""
    wrong_body = declined(
        "InvalidBody",
        "POST body may only include a non-empty type, a non-empty display_name and map of string properties",
    )
    body = json_object(call, keys=CREATE_KEYS, otherwise=wrong_body)
    type_, display_name, name = body.get("type"), body.get("display_name"), body.get("name")
    if not (isinstance(type_, str) and type_ and isinstance(display_name, str) and display_name.strip()):
        raise wrong_body
    if not (name is None or isinstance(name, str)):
        raise wrong_body
    if type_.removeprefix("platform.") != IMPORT_API:
        raise declined("InvalidType", f"invalid source type (platform.{type_.removeprefix('platform.')})")
    _check_properties(body, wrong_body)
    with call.writing() as conn:
        destination_id = _destination_id(conn, call, body, wrong_body)
        try:
            made = sources.create(conn, call.client_id, display_name, name, destination_id=destination_id)
        except (InvalidName, Conflict) as exc:
            derived = derive(display_name) if name is None else name
            bad = not derived or str(exc).startswith("invalid display_name")
            raise declined("InvalidDisplayName" if bad else "InvalidName", str(exc)) from exc
        return source_object(made)


def update(call: Call) -> Any:
    """Rename, pause, resume or move; what is absent stays."""
    wrong_body = declined(
        "InvalidBody", "PUT body many only include the keys: display_name, properties, and paused_at"
    )
    with call.writing() as conn:
        source = own_source(conn, call)
        body = json_object(call, keys=UPDATE_KEYS, otherwise=wrong_body)
        _check_properties(body, wrong_body)
        if "display_name" in body:
            source = sources.rename(conn, source.id, _display_name(body["display_name"]))
        if "paused_at" in body:
            at = _pause(body["paused_at"], wrong_body)
            source = sources.resume(conn, source.id) if at is None else sources.pause(conn, source.id, at)
        if "destination_id" in body:
            source = sources.move(conn, source.id, _destination_id(conn, call, body, wrong_body))
        return source_object(source)


def delete(call: Call) -> Any:
    """Delete a source for good; its tokens stop working, its data stays."""
    with call.writing() as conn:
        return source_object(sources.delete(conn, own_source(conn, call).id))


ROUTES = (
    Route("GET", "/v4/sources", "List the account's sources", list_),
    Route("POST", "/v4/sources", "Create a source", create),
    Route("GET", "/v4/sources/{source_id}", "Show a source", show),
    Route("PUT", "/v4/sources/{source_id}", "Rename, pause, resume or move a source", update),
    Route("DELETE", "/v4/sources/{source_id}", "Delete a source", delete),
)


def _unknown(source_id: str) -> Declined:
    return declined("InvalidId", f"source not found ({source_id})")


def _check_properties(body: dict[str, Any], wrong_body: Declined) -> None:
    """A source of this type has no properties. Errors: Declined."""
    properties = body.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(each, str) for each in properties.values()):
        raise wrong_body
    if properties:
        raise declined(
            "InvalidProperties",
            "properties do not match schema",
            bad_properties=sorted(properties),
            report_card=report_card(),
        )


def _display_name(value: Any) -> str:
    if not isinstance(value, str):
        raise declined("InvalidDisplayName", f"invalid display_name ({'' if value is None else value})")
    if not is_name(value):
        raise declined("InvalidDisplayName", f"invalid display_name ({shown_name(value)})")
    return value


def _pause(value: Any, wrong_body: Declined) -> datetime | None:
    """Return since when to pause, None to resume."""
    at = moment(value)
    if at is None and value is not None:
        raise wrong_body
    return at


def _destination_id(conn: Connection, call: Call, body: dict[str, Any], wrong_body: Declined) -> int | None:
    """Return the destination asked for, when it is the account's; None for the default one."""
    wanted = body.get("destination_id")
    if wanted is None:
        return None
    if not is_id(wanted):
        raise wrong_body
    try:
        return destinations.get(conn, wanted, client_id=call.client_id).id
    except Unknown as exc:
        raise declined("InvalidDestination", str(exc)) from exc
