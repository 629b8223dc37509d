"""The server's refusals in its own words, and the row they are about. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_RECORD = re.compile(r"Record (\d+) |#/messages/(\d+)[:/ ]")
_KEY_MISSING = re.compile(r"Record is missing key property (.*)", re.DOTALL)


def words(status: int, text: str) -> str:
    """
    Return what an error answer says, as one line.

    Shape: status and body -> "400: Record 3 did not conform ..."; the documented bodies carry their text
    under `error`, `message` or `errors`, a proxy's page is cut. Source: docs/specs/import-api.md, 6.4, 7.6.
    """
    try:
        body = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        body = None
    if not isinstance(body, dict):
        return f"{status}: {' '.join(text.split())[:300]}".rstrip(": ")
    said = [body[name] for name in ("message", "error") if isinstance(body.get(name), str)]
    said += _reasons(body.get("errors"))
    return f"{status}: {' '.join(said) or text}"


def row_at_fault(said: str, content: bytes) -> int | None:
    """
    Return which record of a body the answer is about, from 0; None when it is about none, or does not say.

    Shape: `said` as from `words`, `content` the body that was refused.
    """
    if named := _RECORD.search(said):
        return int(named[1] or named[2])
    if missing := _KEY_MISSING.search(said):
        messages = msgspec.json.decode(content, type=_Batch).messages
        lacking = (index for index, each in enumerate(messages) if _is_null(each.data.get(missing[1])))
        return next(lacking, None)
    return None


class _Message(msgspec.Struct):
    data: dict[str, msgspec.Raw]


class _Batch(msgspec.Struct):
    messages: list[_Message]


def _is_null(value: msgspec.Raw | None) -> bool:
    return value is None or bytes(value) == b"null"


def _reasons(errors: Any) -> list[str]:
    """Return the texts of an `errors` value: a list of reasons, or a mapping."""
    if isinstance(errors, dict):
        return [str(text) for text in errors.values()]
    reasons = [each.get("reason") for each in errors or () if isinstance(each, dict)]
    texts = [_reason(each) for each in reasons]
    more = [f"(and {len(texts) - 3} more records)"] if len(texts) > 3 else []
    return texts[:3] + more


def _reason(reason: Any) -> str:
    if isinstance(reason, dict):
        return "; ".join(f"{field} {', '.join(map(str, said))}" for field, said in reason.items())
    return str(reason)
