"""Post-load hooks: `/notifications/public/v1/api/hooks`. Source: docs/specs/connect-api.md, A60 to A64."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from tidegate.connect.calls import Call, Route, declined, is_id, json_object, number, when
from tidegate.control import destinations, hooks
from tidegate.control.hooks import Hook
from tidegate.errors import Conflict, Declined, InvalidUrl, Unknown

PATH = "/notifications/public/v1/api/hooks"
TYPE = "post_load"
WRONG_POST = declined("InvalidBody", "Invalid POST body")
WRONG_PUT = declined("InvalidBody", "PUT body must only contain boolean 'enable' key")
NO_HOOK = Declined({"error": "NotFound"})


def hook_object(hook: Hook) -> dict[str, Any]:
    """Shape: a hook -> the object that the Connect API answers, without what signs its calls."""
    return {
        "id": hook.id,
        "client_id": hook.client_id,
        "type": TYPE,
        "version": 1,
        "destination_id": hook.destination_id,
        "config": {"url": hook.url},
        "created_at": when(hook.created_at),
        "modified_at": when(hook.modified_at),
        "disabled_at": when(hook.disabled_at),
    }


def list_(call: Call) -> Any:
    """Answer the hooks, disabled ones too."""
    with call.store.reading() as conn:
        return {TYPE: [hook_object(each) for each in hooks.list_(conn, call.client_id)]}


def create(call: Call) -> Any:
    """Make a hook and answer it, with the secret that signs its calls, this once."""
    body = json_object(call, keys=("type", "destination_id", "config"), otherwise=WRONG_POST)
    config = body.get("config")
    if body.get("type") != TYPE or not isinstance(config, dict) or config.keys() != {"url"}:
        raise WRONG_POST
    if not isinstance(config["url"], str):
        raise WRONG_POST
    with call.writing() as conn:
        try:
            destination_id = _destination_id(conn, call, body)
            made, secret = hooks.create(
                conn, call.client_id, destination_id, config["url"], plain=call.limits.plain_hooks
            )
        except Unknown as exc:
            raise WRONG_POST from exc
        except InvalidUrl as exc:
            raise declined("InvalidBody", "Invalid URI") from exc
        except Conflict as exc:
            raise Declined({"error": {"message": str(exc)}}) from exc
        return hook_object(made) | {"signing_secret": secret}


def update(call: Call) -> Any:
    """Call a hook no more, or again."""
    body = json_object(call, keys=("enable",), otherwise=WRONG_PUT)
    if not isinstance(body.get("enable"), bool):
        raise WRONG_PUT
    with call.writing() as conn:
        try:
            return hook_object(
                hooks.enable(conn, _id(call), enabled=body["enable"], client_id=call.client_id)
            )
        except Unknown as exc:
            raise NO_HOOK from exc


def delete(call: Call) -> Any:
    """Delete a hook; the answer is null."""
    with call.writing() as conn:
        try:
            hooks.delete(conn, _id(call), client_id=call.client_id)
        except Unknown as exc:
            raise NO_HOOK from exc


ROUTES = (
    Route("GET", PATH, "List the post-load hooks", list_),
    Route("POST", PATH, "Create a post-load hook", create),
    Route("PUT", PATH + "/{hook_id}", "Enable or disable a post-load hook", update),
    Route("DELETE", PATH + "/{hook_id}", "Delete a post-load hook", delete),
)


def _id(call: Call) -> int:
    return number(call.path["hook_id"]) or 0


def _destination_id(conn: Connection, call: Call, body: dict[str, Any]) -> int:
    """Return the destination named; without one the account's only one. Errors: Declined."""
    if "destination_id" not in body:
        known = destinations.list_(conn, call.client_id)
        if len(known) == 1:
            return known[0].id
    found: Any = body.get("destination_id")
    if not is_id(found):
        raise WRONG_POST
    return int(found)
