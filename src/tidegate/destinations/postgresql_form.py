"""The form of a PostgreSQL destination, with the Connect API's names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tidegate.destinations.forms import Form, Property

PEM = "-----BEGIN CERTIFICATE-----"
"""What `sslrootcert` begins with when it is the certificate itself. libpq takes the name of a file."""

_HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}"
_HOST_SCHEMA = {
    "anyOf": [
        {"type": "string", "format": "ipv4"},
        {"type": "string", "format": "ipv6"},
        {"type": "string", "format": "hostname"},
    ]
}
_CERTIFICATES = rf"(?:{PEM}\s[A-Za-z0-9+/=\s]{{1,10000}}-----END CERTIFICATE-----\s*){{0,10}}"
"""Certificates in PEM, ten at most; none takes away what was there."""

_UNPROTECTED = frozenset({"disable", "allow", "prefer"})
_FOLDED = {"host": "host", "port": "port", "dbname": "database", "user": "username", "password": "password"}
"""libpq's options that say the same as a property, and override the address proper."""

_CREDENTIALS = frozenset({"hostaddr", "passfile", "sslkey", "sslcert", "sslpassword"})
"""Options that lead elsewhere or identify us: they do not go along to another place."""


def _address(given: Mapping[str, str], before: str | None, _folder: Path) -> str:
    """
    Options of an earlier address stay.

    `ssl` chooses between no TLS and at least `require`; with a certificate to verify against, `verify-full`.
    """
    known = _read(before) if before else {}
    values = known | dict(given)
    options = _options(before) if before else {}
    moved = any(values[name] != known.get(name) for name in ("host", "port", "username"))
    dropped = {*_FOLDED, *(_CREDENTIALS if moved else ())}
    options = {name: value for name, value in options.items() if name not in dropped}
    if "sslrootcert" in given:
        options.pop("sslrootcert", None)
        options |= {"sslrootcert": given["sslrootcert"]} if given["sslrootcert"] else {}
    if values["ssl"] == "false":
        options["sslmode"] = "disable"
        options.pop("sslrootcert", None)
    elif "sslrootcert" in given:
        options["sslmode"] = "verify-full" if given["sslrootcert"] else "require"
    elif options.get("sslmode", "prefer") in _UNPROTECTED:
        options["sslmode"] = "require"
    user = f"{quote(values['username'], safe='')}:{quote(values['password'], safe='')}"
    host = f"[{values['host']}]" if ":" in values["host"] else values["host"]
    place = f"{host}:{values['port']}/{quote(values['database'], safe='')}"
    return f"postgresql://{user}@{place}?{urlencode(options, quote_via=quote)}"


def _read(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    options = _options(url)
    values = {
        "database": unquote(parts.path.removeprefix("/")),
        "encryption_type": "none",
        "host": parts.hostname or "localhost",
        "password": unquote(parts.password or ""),
        "port": str(parts.port or 5432),
        "ssl": "false" if options.get("sslmode", "prefer") in _UNPROTECTED else "true",
        "username": unquote(parts.username or ""),
    }
    if options.get("sslrootcert", "").startswith(PEM):
        values["sslrootcert"] = options["sslrootcert"]
    return values | {_FOLDED[name]: value for name, value in options.items() if name in _FOLDED}


def _options(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


FORM = Form(
    type="postgres",
    properties=(
        Property(name="database", json_schema={"type": "string"}, pattern=r"[^/]+"),
        Property(
            name="encryption_type",
            json_schema={"type": "string", "pattern": "^(none)$"},
            pattern="none",
            default="none",
            leads=True,
        ),
        Property(name="host", json_schema=_HOST_SCHEMA, pattern=_HOST, leads=True),
        Property(name="password", json_schema={"type": "string"}, pattern="(?s).*", credential=True),
        Property(
            name="port",
            json_schema={"type": "string", "pattern": r"^\d+$"},
            pattern=r"[1-9][0-9]{0,4}",
            default="5432",
            leads=True,
        ),
        Property(name="ssl", json_schema={"type": "boolean"}, pattern="true|false", leads=True),
        Property(
            name="sslrootcert",
            json_schema={"type": "string"},
            pattern=_CERTIFICATES,
            required=False,
            leads=True,
        ),
        Property(name="username", json_schema={"type": "string"}, leads=True),
    ),
    address=_address,
    read=_read,
)
