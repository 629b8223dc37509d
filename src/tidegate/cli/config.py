"""`tidegate config`: every setting with its value and where that came from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from tidegate.cli.context import AsJson, DataDir, print_json
from tidegate.cli.shown import print_table
from tidegate.errors import InputInvalid
from tidegate.settings import Setting, read_settings

SECRET_SETTINGS = frozenset({"control_url", "destination", "smtp_url"})
"""Settings whose value may hold a password."""


def config(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """
    Print every setting: its value, where that came from, its unit and its bound.

    Flags win over TIDEGATE_* in the environment, those over tidegate.toml in the data folder.

    Examples: `tidegate config`, `tidegate config --json`, `TIDEGATE_PORT=9000 tidegate config`
    """
    _, read = read_settings({"data_dir": data_dir}, os.environ)
    if as_json:
        print_json([_object(each) for each in read])
        return
    rows = [(each.name, _value(each), each.option.unit, each.origin, each.option.bound()) for each in read]
    print_table(("setting", "value", "unit", "from", "bound"), rows)
    typer.echo("What each means: `tidegate config --json`, or docs/reference/settings.md.")


def _value(setting: Setting) -> Any:
    """Return the value as it may be shown: no secret in it, even when it is no good."""
    from tidegate.control.sealing import MASK, shown

    if isinstance(setting.value, Path):
        return str(setting.value)
    if setting.name not in SECRET_SETTINGS or not setting.value:
        return setting.value
    try:
        return shown(setting.value)
    except InputInvalid:
        return f"{MASK} (not a URL)"


def _object(setting: Setting) -> dict[str, Any]:
    about = setting.option
    return {
        "name": setting.name,
        "value": _value(setting),
        "origin": setting.origin,
        "unit": about.unit,
        "bound": about.bound(),
        "help": about.help,
    }
