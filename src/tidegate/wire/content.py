"""What the headers of a request say. Source: docs/specs/import-api.md, W1 and W2."""

from __future__ import annotations

import re

JSON = "application/json"
TRANSIT = "application/transit+json"

_BEARER = re.compile(r"\s*bearer(?::\s*|\s+)(\S.*?)\s*", re.IGNORECASE | re.DOTALL).fullmatch


def media_type(content_type: str | None) -> str:
    """Return the media type in lower case, without parameters; "" when the header is absent."""
    return (content_type or "").partition(";")[0].strip().lower()


def bearer_token(authorization: str | None) -> str | None:
    """
    Return the access token of an `Authorization` header; None when there is none.

    Shape: the scheme in any case, with or without one colon behind it, then any white space; the rest is
    the token.
    """
    found = _BEARER(authorization or "")
    return found[1] if found else None
