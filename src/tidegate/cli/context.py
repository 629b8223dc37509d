"""What every command needs: the settings of a data folder, its control store, and two consoles."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.errors import InputInvalid, NotSetUp, SettingInvalid
from tidegate.settings import SECRET_KEY_ENV, Settings, read_settings

if TYPE_CHECKING:
    from rich.console import Console

    from tidegate.control.store import Store
    from tidegate.journal import SqliteJournal

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder that holds everything Tidegate keeps.", show_default="tidegate-data"
    ),
]
ID_MAX = 2**31 - 1
"""The greatest id a control store can give."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@cache
def console() -> Console:
    """Where answers go."""
    from rich.console import Console

    return Console()


@cache
def err_console() -> Console:
    """Where everything else goes."""
    from rich.console import Console

    return Console(stderr=True)


def print_json(value: Any) -> None:
    """Print one JSON value on a line of its own."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    sys.stdout.write(text.encode(errors="replace").decode() + "\n")  # arguments may hold broken characters
    sys.stdout.flush()


def settings_for(data_dir: Path | None, **flags: Any) -> Settings:
    """Read the settings of a data folder. Errors: SettingInvalid."""
    return read_settings({"data_dir": data_dir, **flags}, os.environ)[0]


def control_path(settings: Settings) -> Path:
    """Where the control store stands in the data folder, unless `control_url` says otherwise."""
    return settings.data_dir / "control.db"


def control_store(settings: Settings, *, actor: str = "server", create: bool = True) -> Store:
    """
    Open the control store that the settings name, with the key for its secrets; the caller closes it.

    Errors: as `Store.open`.
    """
    from tidegate.control.store import Store

    return Store.open(
        settings.control_url or control_path(settings),
        secret_key=os.environ.get(SECRET_KEY_ENV) or None,
        key_file=settings.data_dir / "secret.key",
        actor=actor,
        create=create,
    )


def shown_control(settings: Settings) -> str:
    """Return where the control store is, as people may see it; empty for the one in the data folder."""
    from tidegate.control.sealing import shown

    try:
        return shown(settings.control_url) if settings.control_url else ""
    except InputInvalid:
        return "no URL"


def is_served(settings: Settings) -> bool:
    """Whether a server has ever made the control store of these settings, as far as can be told at once."""
    return bool(settings.control_url) or control_path(settings).exists()


def journal_path(settings: Settings) -> Path:
    """Where the journal stands in the data folder."""
    return settings.data_dir / "journal.db"


def look_into_journal(settings: Settings) -> SqliteJournal | None:
    """Open the journal of a data folder for reading only; None while there is none. Errors: JournalError."""
    from tidegate.journal import SqliteJournal

    path = journal_path(settings)
    if not path.exists():
        return None
    return SqliteJournal(
        path,
        bytes_max=settings.journal_bytes_max,
        retention_s=settings.retention_s,
        retention_bytes_max=settings.retention_bytes_max,
        read_only=True,
    )


def _login() -> str:
    """Who runs the command, as the operating system knows them."""
    from pwd import getpwuid

    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """
    Open the control store of a data folder.

    Errors: NotSetUp when it was never served; SettingInvalid when the running server has another store.
    """
    if not is_served(settings):
        _same_as_server(settings)
        raise NotSetUp(
            f"nothing was ever served from {settings.data_dir};"
            " start with `tidegate serve` or name another --data-dir"
        )
    _same_as_server(settings)
    store = control_store(settings, actor=f"command by {_login()}", create=False)
    try:
        yield store
    finally:
        store.close()


def _same_as_server(settings: Settings) -> None:
    """Errors: SettingInvalid: a change in another store than the running server's would help nobody."""
    running = server_file(settings)
    if running is not None and running.get("control", "") != shown_control(settings):
        wanted = f"{running['control']!r}, as of the server that runs here" if running["control"] else "empty"
        raise SettingInvalid("control_url", shown_control(settings), wanted, "TIDEGATE_CONTROL_URL or file")


def server_file(settings: Settings) -> dict[str, Any] | None:
    """What the running server says of itself (`pid`, `base_url`), None when none runs."""
    try:
        found: dict[str, Any] = json.loads((settings.data_dir / "server.json").read_text(encoding="utf-8"))
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return found
