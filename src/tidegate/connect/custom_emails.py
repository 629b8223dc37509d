"""Custom e-mail addresses: `/notifications/public/v1/api/custom-emails`. Source: connect-api.md, A65-A68."""

from __future__ import annotations

from typing import Any

from tidegate.connect.calls import Call, Route, json_object, moment, number, when
from tidegate.control import emails
from tidegate.control.emails import CustomEmail
from tidegate.errors import Conflict, Declined, InvalidName, Unknown

PATH = "/notifications/public/v1/api/custom-emails"
WRONG_ADDRESS = Declined(
    {"error": {"message": {"email_address": "Required. Must be valid email address format."}}}
)
NO_EMAIL = Declined({"status": "NOT FOUND"}, status=404)


def email_object(email: CustomEmail) -> dict[str, Any]:
    """Shape: an address -> the object that the Connect API answers."""
    return {
        "id": email.id,
        "client_id": email.client_id,
        "email_address": email.email_address,
        "created_at": when(email.created_at),
        "disabled_at": when(email.disabled_at),
    }


def list_(call: Call) -> Any:
    """Answer the addresses, disabled ones too."""
    with call.store.reading() as conn:
        return [email_object(each) for each in emails.list_(conn, call.client_id)]


def create(call: Call) -> Any:
    """Add an address."""
    body = json_object(call, keys=("email_address",), otherwise=WRONG_ADDRESS)
    address = body.get("email_address")
    if not isinstance(address, str):
        raise WRONG_ADDRESS
    with call.writing() as conn:
        try:
            return email_object(emails.create(conn, call.client_id, address))
        except InvalidName as exc:
            raise WRONG_ADDRESS from exc
        except Conflict as exc:
            raise Declined({"error": {"message": str(exc)}}) from exc


def update(call: Call) -> Any:
    """Send no more mail to an address, at once whatever the time given says; null sends again."""
    no_time = Declined({"disabled_at": None})
    body = json_object(call, keys=("disabled_at",), otherwise=no_time)
    given = body.get("disabled_at")
    disabled_at = moment(given)
    if "disabled_at" not in body or (given is not None and disabled_at is None):
        raise Declined({"disabled_at": given})
    with call.writing() as conn:
        try:
            changed = emails.set_disabled(conn, _id(call), disabled_at, client_id=call.client_id)
        except Unknown as exc:
            raise NO_EMAIL from exc
        return {"disabled_at": when(changed.disabled_at)}


def delete(call: Call) -> Any:
    """Remove an address; the answer is a list with how many were removed."""
    with call.writing() as conn:
        try:
            emails.delete(conn, _id(call), client_id=call.client_id)
        except Unknown:
            return [0]
        return [1]


ROUTES = (
    Route("GET", PATH, "List the custom e-mail addresses", list_),
    Route("POST", PATH, "Add a custom e-mail address", create),
    Route("PUT", PATH + "/{email_id}", "Disable or enable a custom e-mail address", update),
    Route("DELETE", PATH + "/{email_id}", "Remove a custom e-mail address", delete),
)


def _id(call: Call) -> int:
    return number(call.path["email_id"]) or 0
