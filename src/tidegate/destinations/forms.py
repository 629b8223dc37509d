"""
What a kind of destination asks people for, as data: the Connect API's forms and the checks of what comes in.

A class that has a `form` can be set up by form; its address is made from the properties, and read back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """
    One thing to fill in. `json_schema` is published; `pattern` is what its value must be, written as a text.

    A credential is never told again. Without `default` a required property must be given. `leads` says that
    it decides where credentials go, or who can read them on the way.
    """

    name: str
    json_schema: Mapping[str, Any]
    pattern: str = r"(?s).*\S.*"
    required: bool = True
    credential: bool = False
    default: str | None = None
    leads: bool = False

    def fits(self, text: str) -> bool:
        """Whether a value will do."""
        return "\0" not in text and re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    One kind's form.

    Shape: `type` is its name in the Connect API. `address(properties, before, folder)` makes a URL of what is
    given, keeping what else the URL `before` says (None for a new one); `folder` is where the account's
    files may be. `read(url)` gives the properties back, credentials included.
    """

    type: str
    properties: tuple[Property, ...]
    address: Callable[[Mapping[str, str], str | None, Path], str] = field(repr=False)
    read: Callable[[str], dict[str, str]] = field(repr=False)


def texts(form: Form, given: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """
    Return the given values as texts, and the names of those that will not do.

    Shape: true and false may be given as such or as texts, whole numbers too; unknown names will not do.
    """
    known = {each.name: each for each in form.properties}
    found: dict[str, str] = {}
    wrong: list[str] = []
    for name, value in given.items():
        text = _text(value)
        if name in known and text is not None and known[name].fits(text):
            found[name] = text
        else:
            wrong.append(name)
    return found, wrong


def to_send_again(form: Form, given: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """
    Return the credentials that are missing from a change that takes them to another place.

    Shape: `given` and what was there `before`, as texts. Who may change a destination need not know its
    password, and must not get it by having it sent to a server of theirs.
    """
    moved = any(
        each.leads and given.get(each.name, before.get(each.name)) != before.get(each.name)
        for each in form.properties
    )
    return [each.name for each in form.properties if moved and each.credential and each.name not in given]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
