"""
The name of a source's schema in the warehouse: derived once from the display name, or given. Pure.

Source: docs/specs/control.md, C5 and C6.
"""

from __future__ import annotations

import re
import unicodedata

from tidegate.errors import InvalidName

SCHEMA_NAME_CHARS_MAX = 49

RULE = (
    "The name field must be under 50 characters, and can only contain lowercase letters, numbers,"
    " underscores, or dollar signs. It must begin with a letter or an underscore."
)

RESERVED = frozenset({"_tidegate", "information_schema"})
"""Schemas that a warehouse or our own bookkeeping in it already uses, beside PostgreSQL's `pg_*`."""

_NAME = re.compile(rf"[a-z_][a-z0-9_$]{{0,{SCHEMA_NAME_CHARS_MAX - 1}}}", re.ASCII)


def derive(display_name: str) -> str:
    """
    Return the schema name a display name gives, `Recurly Stitch` -> `recurly_stitch`; "" when nothing stays.

    Accents go (NFKD), everything beyond ASCII too; each run of white space becomes one `_`; what is not a
    letter, digit, `_` or `$` goes; then whatever stands before the first letter or `_`.
    """
    ascii_ = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9_$]", "", re.sub(r"\s+", "_", ascii_))
    return re.sub(r"^[^a-z_]+", "", kept)


def chosen(display_name: str, schema_name: str | None) -> str:
    """
    Return the schema name of a new source: the one given, else the derived one, once it fits the rule.

    Errors: InvalidName, with the Connect API's texts.
    """
    name = derive(display_name) if schema_name is None else schema_name
    if not name and schema_name is None:
        raise InvalidName(f"invalid name after deriving it from display_name ({display_name} -> )")
    if not _NAME.fullmatch(name):
        raise InvalidName(RULE)
    if name in RESERVED or name.startswith("pg_"):
        raise InvalidName(f"the schema {name} is the warehouse's own; give another name")
    return name
