"""The form of a PostgreSQL destination, with the Connect API's names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tidegate.destinations.forms import Form, Property

_HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}"
_HOST_SCHEMA = {
    "anyOf": [
        {"type": "string", "format": "ipv4"},
        {"type": "string", "format": "ipv6"},
        {"type": "string", "format": "hostname"},
    ]
}
_UNPROTECTED = frozenset({"disable", "allow", "prefer"})


def _address(given: Mapping[str, str], before: str | None, _folder: Path) -> str:
    """Options of an earlier address stay; `ssl` chooses between no TLS and at least `require`."""
    values = (_read(before) if before else {}) | dict(given)
    options = dict(parse_qsl(urlsplit(before).query, keep_blank_values=True)) if before else {}
    if values["ssl"] == "false":
        options["sslmode"] = "disable"
    elif options.get("sslmode", "prefer") in _UNPROTECTED:
        options["sslmode"] = "require"
    user = f"{quote(values['username'], safe='')}:{quote(values['password'], safe='')}"
    host = f"[{values['host']}]" if ":" in values["host"] else values["host"]
    place = f"{host}:{values['port']}/{quote(values['database'], safe='')}"
    return f"postgresql://{user}@{place}?{urlencode(options, quote_via=quote)}"


def _read(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    sslmode = dict(parse_qsl(parts.query)).get("sslmode", "prefer")
    return {
        "database": unquote(parts.path.removeprefix("/")),
        "encryption_type": "none",
        "host": parts.hostname or "localhost",
        "password": unquote(parts.password or ""),
        "port": str(parts.port or 5432),
        "ssl": "false" if sslmode in _UNPROTECTED else "true",
        "username": unquote(parts.username or ""),
    }


FORM = Form(
    type="postgres",
    properties=(
        Property(name="database", json_schema={"type": "string"}, pattern=r"[^/]+"),
        Property(
            name="encryption_type",
            json_schema={"type": "string", "pattern": "^(none)$"},
            pattern="none",
            default="none",
        ),
        Property(name="host", json_schema=_HOST_SCHEMA, pattern=_HOST),
        Property(name="password", json_schema={"type": "string"}, pattern="(?s).*", credential=True),
        Property(
            name="port",
            json_schema={"type": "string", "pattern": r"^\d+$"},
            pattern=r"[1-9][0-9]{0,4}",
            default="5432",
        ),
        Property(name="ssl", json_schema={"type": "boolean"}, pattern="true|false"),
        Property(name="username", json_schema={"type": "string"}),
    ),
    address=_address,
    read=_read,
)
