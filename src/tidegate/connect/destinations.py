"""Destinations: `/v4/destinations`. Source: docs/specs/connect-api.md, destinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from tidegate.connect.calls import NOT_FOUND, Call, Route, declined, json_object, number, when
from tidegate.connect.connection_checks import account_folder, check
from tidegate.connect.destination_types import form_named, report_card
from tidegate.control import connection_checks, destinations, sources
from tidegate.control.connection_checks import Check
from tidegate.control.destinations import Destination
from tidegate.destinations import connect, form_of
from tidegate.destinations.forms import Form, texts, to_send_again
from tidegate.errors import (
    Conflict,
    Declined,
    InputInvalid,
    Unknown,
)

CREATE_KEYS = ("type", "properties", "name", "description", "ignore_unmapped_sources")
UPDATE_KEYS = ("type", "properties", "name", "description")
WRONG_POST = Declined(
    "POST body may only include a type, a name, a description, map of properties,"
    " and boolean for unmapped sources"
)
WRONG_PUT = Declined("PUT body may only include a name, a description and map of properties")
WRONG_TYPE = Declined("this API endpoint does not support modifying destination type")


def destination_object(conn: Connection, destination: Destination) -> dict[str, Any]:
    """Shape: a destination -> the object that the Connect API answers; credentials never are in it."""
    form = form_of(destination.url)
    values = {} if form is None else form.read(destinations.full_url(conn, destination.id))
    hidden = set() if form is None else {each.name for each in form.properties if each.credential}
    type_ = destination.url.partition("://")[0]
    return {
        "description": destination.description,
        "properties": {name: value for name, value in values.items() if name not in hidden},
        "updated_at": when(destination.updated_at),
        "name": destination.name,
        "type": type_ if form is None else form.type,
        "deleted_at": None,
        "system_paused_at": None,
        "stitch_client_id": destination.client_id,
        "paused_at": None,
        "id": destination.id,
        "display_name": None,
        "created_at": when(destination.created_at),
        "report_card": None if form is None else report_card(form, [name for name in values if values[name]]),
    }


def list_(call: Call) -> Any:
    """Answer the destinations; on request the one with an id, or the one that a source loads into."""
    if not call.query.keys() <= {"source_id", "destination_id"}:
        raise Declined("GET may only include the params: source_id and/or destination_id")
    with call.store.reading() as conn:
        found = list(destinations.list_(conn, call.client_id))
        if "destination_id" in call.query:
            found = [each for each in found if each.id == number(call.query["destination_id"])]
        if "source_id" in call.query:
            loaded = _loaded_into(conn, call)
            found = [each for each in found if each.id == loaded]
        return [destination_object(conn, each) for each in found]


def show(call: Call) -> Any:
    """Answer one destination."""
    with call.store.reading() as conn:
        found = _own(conn, call)
        if found is None:
            raise Declined(NOT_FOUND, status=404)
        return destination_object(conn, found)


def create(call: Call) -> Any:
    """Make a destination, once it could be connected to."""
    body = json_object(call, keys=CREATE_KEYS, otherwise=WRONG_POST)
    type_, given = body.get("type"), body.get("properties")
    adopts = not body.get("ignore_unmapped_sources", False)
    _check_texts(body, WRONG_POST)
    if not (isinstance(type_, str) and type_ and isinstance(given, dict)):
        raise WRONG_POST
    if not isinstance(body.get("ignore_unmapped_sources", False), bool):
        raise WRONG_POST
    form = form_named(type_)
    if form is None:
        raise declined("InvalidType", f"invalid destination type ({type_})")
    defaults = {each.name: each.default for each in form.properties if each.default is not None}
    url = _address(form, defaults | given, None, call)
    started_at, completed_at, error = check(call, url)
    if error is not None:
        raise declined("ConnectionFailed", error)
    with call.writing() as conn:
        try:
            made = destinations.create(
                conn,
                call.client_id,
                url,
                body.get("name") or form.type,
                description=body.get("description"),
                adopts=adopts,
            )
        except Conflict as exc:
            raise Declined(str(exc)) from exc
        name = connection_checks.check_name(call.client_id, made.id)
        checked = Check(name=name, started_at=started_at, completed_at=completed_at, error=None)
        connection_checks.note(conn, made.id, checked)
        return destination_object(conn, made)


def update(call: Call) -> Any:
    """
    Change a destination, once it could be connected to as changed; what is absent stays.

    An address that stays is checked too, but refuses nothing: a warehouse that is down can be renamed.
    """
    with call.store.reading() as conn:
        found = _own(conn, call)
        before = None if found is None else destinations.full_url(conn, found.id)
    if found is None or before is None:
        raise Declined("invalid connection id")
    body = json_object(call, keys=UPDATE_KEYS, otherwise=WRONG_PUT)
    if "type" in body:
        raise WRONG_TYPE
    _check_texts(body, WRONG_PUT)
    given = body.get("properties", {})
    form = form_of(before)
    if not isinstance(given, dict) or (given and form is None):
        raise WRONG_PUT
    url = before if form is None or not given else _address(form, given, before, call)
    name = connection_checks.check_name(call.client_id, found.id)
    started_at, completed_at, error = check(call, url)
    checked = Check(name=name, started_at=started_at, completed_at=completed_at, error=error)
    if error is not None and url != before:
        with call.writing() as conn:
            connection_checks.note(conn, found.id, checked)
        raise declined("ConnectionFailed", error)
    with call.writing() as conn:
        try:
            changed = destinations.change(
                conn,
                found.id,
                url=None if url == before else url,
                name=body.get("name"),
                description=body.get("description"),
            )
        except Unknown as exc:
            raise Declined("invalid connection id") from exc
        except Conflict as exc:
            raise Declined(str(exc)) from exc
        connection_checks.note(conn, found.id, checked)
        return destination_object(conn, changed) | {"check_job_name": name}


def delete(call: Call) -> Any:
    """Delete a destination; what its sources send waits for the account's next one."""
    text = call.path["destination_id"]
    if not (text.isascii() and text.isdigit()):
        raise Declined(NOT_FOUND, status=404)
    with call.writing() as conn:
        try:
            destinations.delete(conn, number(text) or 0, client_id=call.client_id)
        except Unknown as exc:
            raise Declined(f"Unable to locate dest ({text}) for client ({call.client_id}) to delete") from exc
    return {}


ROUTES = (
    Route("GET", "/v4/destinations", "List the account's destinations", list_),
    Route("POST", "/v4/destinations", "Create a destination", create),
    Route("GET", "/v4/destinations/{destination_id}", "Show a destination", show),
    Route("PUT", "/v4/destinations/{destination_id}", "Change a destination", update),
    Route("DELETE", "/v4/destinations/{destination_id}", "Delete a destination", delete),
)


def _own(conn: Connection, call: Call) -> Destination | None:
    try:
        wanted = number(call.path["destination_id"]) or 0
        return destinations.get(conn, wanted, client_id=call.client_id)
    except Unknown:
        return None


def _loaded_into(conn: Connection, call: Call) -> int | None:
    """Return the destination of the source in the query, None when it has none or is nobody's."""
    try:
        source = sources.get(conn, number(call.query["source_id"]) or 0, client_id=call.client_id)
        return source.destination_id or destinations.default(conn, call.client_id).id
    except Unknown:
        return None


def _check_texts(body: Mapping[str, Any], wrong_body: Declined) -> None:
    for name in ("name", "description"):
        if not isinstance(body.get(name), str | None):
            raise wrong_body


def _address(form: Form, given: Mapping[str, Any], before: str | None, call: Call) -> str:
    """Return the address that the properties make. Errors: Declined names those that will not do."""
    found, wrong = texts(form, given)
    stored = {} if before is None else form.read(before)
    missing: list[str] = []
    if before is None:
        wrong += [each.name for each in form.properties if each.required and each.name not in given]
    elif not wrong:
        missing = to_send_again(form, found, stored)
        wrong += missing
    try:
        url = "" if wrong else form.address(found, before, account_folder(call))
        if url:
            connect(url)
            return url
    except InputInvalid:
        wrong = sorted(found)
    raise declined(
        "InvalidProperties",
        "properties do not match schema",
        bad_properties=sorted(set(wrong)),
        report_card=report_card(form, sorted({*found, *stored} - {*missing})),
    )
