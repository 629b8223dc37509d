"""`tidegate serve`: the whole product under one small supervisor."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.context import AsJson, DataDir, control_path, control_store, print_json, shown_control
from tidegate.cli.supervisor import Child, Supervisor
from tidegate.errors import AddressInUse, DataDirInUse, DataDirUnusable, SettingInvalid
from tidegate.settings import METRICS_ENV, Settings, options, read_settings

if TYPE_CHECKING:
    from tidegate.control.setup import FirstStart
    from tidegate.control.store import Store

EXAMPLES = """

[bold]Examples[/]

tidegate serve                              everything in ./tidegate-data, on port 8080

tidegate serve --port 0 --json              a free port; the first line says which, as JSON

tidegate serve --data-dir /srv/tidegate --host 0.0.0.0 --workers 4
"""

FIRST_GREETING = """
Tidegate listens on {base_url}

  client id     {client_id}
  access token  {access_token}   (shown only now; keep it)
{owner}  warehouse     {warehouse}

Push a first record:

  curl {base_url}/v2/import/push \\
    -H 'Authorization: Bearer {access_token}' \\
    -H 'Content-Type: application/json' \\
    -d '[{{"client_id": {client_id}, "table_name": "hello", "sequence": 1, "action": "upsert",
          "key_names": ["id"], "data": {{"id": 1, "greeting": "The tide is in"}}}}]'

and see the table:

  {command} sql 'SELECT * FROM hello'{place}
"""

NOTIFIER_BEGINS_S = 1.0
"""By then the gates have imported what they need, also on two slow cores."""

OWNER_LINE = "  owner         {owner_email}, password {owner_password}   (shown only now, too)\n"

LATER_GREETING = """
Tidegate listens on {base_url}

  client id     {client_id}
  warehouse     {warehouse}

Access tokens are shown once; `{command} tokens create{place}` makes another.
"""


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Gate processes; 0 means one for each core.")] = None,
    destination: Annotated[
        str | None, typer.Option(help="Where the first start loads to, such as duckdb:///path.")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(help="Where the control store is, such as postgresql://user@host/db; see control_url."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run Tidegate: accept records over HTTP, load them into the warehouse."""
    flags = {
        "data_dir": data_dir,
        "host": host,
        "port": port,
        "workers": workers,
        "destination": destination,
        "control_url": control,
    }
    from tidegate.notifier.mail_settings import check_mail_settings

    settings, _ = read_settings(flags, os.environ)
    if settings.control_url and control_path(settings).exists():
        raise SettingInvalid(
            "control_url",
            shown_control(settings),
            f"empty, or --data-dir another folder: {control_path(settings)} is this folder's control store",
            "flag, TIDEGATE_CONTROL_URL or file",
        )
    check_mail_settings(settings)
    with _data_dir_held(settings.data_dir), _listening(settings.host, settings.port) as listening:
        _serve(settings, listening, as_json=as_json)


serve.__doc__ = (serve.__doc__ or "") + EXAMPLES


def _serve(settings: Settings, listening: socket.socket, *, as_json: bool) -> None:
    """Start the processes, set up what is missing while they import, tell the user, watch them."""
    gates = settings.workers or os.cpu_count() or 1
    children = [Child(f"gate {number}", ["gate"]) for number in range(1, gates + 1)] + [
        Child("loader", ["loader"]),
        Child("notifier", ["notifier"], begins_after_s=NOTIFIER_BEGINS_S),
    ]
    supervisor = Supervisor(children, listening=listening, environ=_environ(settings))
    supervisor.start()
    from tidegate.logs import open_log

    log = open_log(log_format=settings.log_format, log_level=settings.log_level, process="supervisor")
    try:
        with _control_held(settings) as store:
            started = _set_up(store, settings)
            about = _about(store, listening, started)
            _write_server_file(settings, about)
            supervisor.begin()
            if as_json:
                print_json(about)
            else:
                _greet(settings, about, started)
            supervisor.run(log)
    finally:
        supervisor.stop(log)
        (settings.data_dir / "server.json").unlink(missing_ok=True)


@contextmanager
def _control_held(settings: Settings) -> Iterator[Store]:
    """Open the control store and hold it for this server alone. Errors: as `Store.open` and `Store.hold`."""
    with closing(control_store(settings)) as store:
        store.hold()
        yield store


def _set_up(store: Store, settings: Settings) -> FirstStart | None:
    """On the first start make account, source, token and destination; later bring the store up to date."""
    from tidegate.control.setup import set_up

    return set_up(
        store,
        destination_url=settings.destination or _embedded_url(settings),
        owner_email=settings.owner_email,
    )


def _embedded_url(settings: Settings) -> str:
    return f"duckdb:///{(settings.data_dir / 'warehouse.duckdb').resolve()}"


def _about(store: Store, listening: socket.socket, started: FirstStart | None) -> dict[str, Any]:
    """What a program that starts us wants to know; the token and the password only the first time."""
    from tidegate.control import accounts, destinations, sources

    with store.reading() as conn:
        client_id = accounts.list_(conn)[0].client_id
        source_ids = [each.id for each in sources.list_(conn, client_id)]
        warehouses = [each.url for each in destinations.list_(conn, client_id) if each.is_default]
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    about: dict[str, Any] = {
        "base_url": f"http://{shown}:{port}",
        "client_id": client_id,
        "source_id": source_ids[0] if source_ids else None,
        "warehouse": warehouses[0] if warehouses else None,
    }
    if started is not None:
        about |= {
            "access_token": started.secret,
            "owner_email": started.owner_email,
            "owner_password": started.password,
        }
    return about


def _write_server_file(settings: Settings, about: dict[str, Any]) -> None:
    """Let the other commands find the running server."""
    from tidegate import __version__

    known = {
        "pid": os.getpid(),
        "base_url": about["base_url"],
        "version": __version__,
        "control": shown_control(settings),
    }
    path = settings.data_dir / "server.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(known), encoding="utf-8")
    draft.replace(path)


def _greet(settings: Settings, about: dict[str, Any], started: FirstStart | None) -> None:
    """Say where we are; after the first start also the secrets, once, and two lines to paste."""
    is_default = settings.data_dir == Path("tidegate-data")
    place = "" if is_default else f" --data-dir {shlex.quote(str(settings.data_dir))}"
    greeting = LATER_GREETING if started is None else FIRST_GREETING
    owner = OWNER_LINE.format(**about) if about.get("owner_email") else ""
    typer.echo(greeting.format(**about, owner=owner, command=_own_command(), place=place))


def _own_command() -> str:
    """How this very program can be called again from the folder the user is in."""
    own = Path(sys.argv[0])
    if shutil.which("tidegate") == str(own):
        return "tidegate"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def _environ(settings: Settings) -> dict[str, str]:
    """The children's environment: every setting as it was read, and where metrics are counted."""
    counting = settings.data_dir / "metrics"
    shutil.rmtree(counting, ignore_errors=True)
    counting.mkdir(mode=0o700)
    values = {f"TIDEGATE_{name.upper()}": str(getattr(settings, name)) for name in options()}
    return {**os.environ, **values, METRICS_ENV: str(counting)}


@contextmanager
def _data_dir_held(data_dir: Path) -> Iterator[None]:
    """
    Create the data folder and hold it for this process alone.

    Errors: DataDirUnusable; DataDirInUse names the process that holds it. The lock goes with the process.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+", encoding="utf-8")
    except OSError as exc:
        raise DataDirUnusable(
            f"{data_dir} cannot be used as data folder: {exc.strerror}; name another --data-dir"
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock.seek(0)
            raise DataDirInUse(
                f"{data_dir} is in use by process {lock.read().strip() or '?'} (a running `tidegate serve`);"
                " stop it, or name another --data-dir"
            ) from exc
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen before anything is set up, so that a taken port costs nothing. Errors: AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as exc:
            why = (
                "is taken by another program"
                if exc.errno == errno.EADDRINUSE
                else f"cannot be listened on ({exc.strerror})"
            )
            raise AddressInUse(
                f"{host}:{port} {why}; choose another with --port (0 picks a free one)"
            ) from exc
        listening.listen(2048)
        listening.set_inheritable(True)
        yield listening
