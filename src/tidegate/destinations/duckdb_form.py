"""The form of a DuckDB destination: the name of a file in the account's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tidegate.destinations.forms import Form, Property

_FILE = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.duckdb"


def _address(given: Mapping[str, str], before: str | None, folder: Path) -> str:
    """A form never names a place outside the folder: accounts do not reach each other's files."""
    if "file" not in given or (before is not None and _read(before) == dict(given)):
        return before or ""
    return f"duckdb:///{folder.resolve() / given['file']}"


def _read(url: str) -> dict[str, str]:
    return {"file": Path(urlsplit(url).path).name}


FORM = Form(
    type="duckdb",
    properties=(
        Property(name="file", json_schema={"type": "string", "pattern": f"^{_FILE}$"}, pattern=_FILE),
    ),
    address=_address,
    read=_read,
)
