"""Long lists in pages of 100: `?page=N`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.connect.calls import Call
from tidegate.errors import Declined

PAGE_SIZE = 100


def page_number(call: Call) -> int:
    """Return the page asked for, from 1. Errors: Declined."""
    text = call.query.get("page", "1")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise Declined("invalid page")
    return int(text)


def page_object(data: Sequence[Any], *, page: int, total: int, path: str) -> dict[str, Any]:
    """Shape: the items of one page, and how many there are in all -> the answer, with links to neighbours."""
    links = {}
    if page * PAGE_SIZE < total:
        links["next"] = f"{path}?page={page + 1}"
    if page > 1 and total > PAGE_SIZE:
        links["previous"] = f"{path}?page={page - 1}"
    return {"data": list(data), "page": page, "total": total, "links": links}
