"""`tidegate push`: send the rows of a file to a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.accounts import OnlyAccount
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.local_access import LocalToken, local_url
from tidegate.cli.shown import progress, say
from tidegate.errors import InputInvalid, PushRefused, ServerUnreachable

if TYPE_CHECKING:
    from tidegate.client import Client, Pushed, RowFile
    from tidegate.settings import Settings

EXAMPLES = """

[bold]Examples[/]

tidegate push cars cars.csv --key id      where `tidegate serve` runs

curl -s https://example.com/cars.json | tidegate push cars - --key id

tidegate push cars cars.ndjson.gz --url https://data.example.com --token at_...

[bold]What becomes of the values[/]

Rows go to the batch endpoint. Without --schema, JSON values are typed one
by one, and a CSV column is integer, number or boolean only when every cell
is (no leading zeros, no plus signs), else text. An empty cell is null.

Without --key rows are only ever added; with it, a row sent later replaces
the row with the same key.

A request that gets no answer is sent again, for two minutes, and kept once,
with and without --key. Running the command again sends its rows again.
"""
"""Shown under the command's help."""


def push(
    table_name: Annotated[str, typer.Argument(metavar="TABLE", help="Table to send to; made when needed.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON, NDJSON or CSV, also gzipped; - reads standard input.")
    ],
    *,
    key_names: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="NAME", help="Field of the primary key; repeat for more."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="File with the JSON Schema of a row, which types the values.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", metavar="json|ndjson|csv", help="Default: told from name or content."),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Field with the rows, where the file is one object: features of GeoJSON."
        ),
    ] = None,
    texts_only: Annotated[bool, typer.Option("--strings", help="Keep every CSV cell text.")] = False,
    url: Annotated[
        str | None, typer.Option(help="Server to send to; default: the one on this machine.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TIDEGATE_ACCESS_TOKEN",
            help="Access token; default: a short-lived one, made from the data folder.",
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Source (id or name) to send as; default: the only one.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, max=20_000, help="Most records in one request.")] = 20_000,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send the rows of a file to a table."""
    from tidegate.client import Client

    opening = _opening(file, kind, texts_only=texts_only, field=field)
    given_schema = None if schema is None else _read_schema(schema)
    with (
        opening as rows,
        _server(settings_for(data_dir), url, token, source, account) as (base_url, access_token),
        Client(base_url, access_token, records_max=batch_size, on_wait=_say_waiting()) as client,
    ):
        keys = key_names or []
        done = _send(client, table_name, rows, keys, given_schema or _schema_of(rows, keys))
    if as_json:
        print_json({"table_name": table_name} | {name: getattr(done, name) for name in done.__slots__})
    else:
        typer.echo(_summary(done, table_name))


push.__doc__ = (push.__doc__ or "") + EXAMPLES


def _opening(
    file: str, kind: str | None, *, texts_only: bool, field: str | None
) -> AbstractContextManager[RowFile]:
    """Return what opens the rows of a file, or of standard input for `-`. Errors: InputInvalid."""
    from tidegate.client import Format, open_rows

    if kind not in (None, *Format):
        raise InputInvalid(f"--format is {kind!r}; it must be one of {', '.join(Format)}")
    return open_rows(
        None if file == "-" else Path(file),
        sys.stdin.buffer,
        kind=Format(kind) if kind else None,
        texts_only=texts_only,
        field=field,
    )


def _send(
    client: Client, table_name: str, rows: RowFile, key_names: list[str], schema: Mapping[str, Any]
) -> Pushed:
    """Send all rows, with a progress bar for people. Errors: as the client's, told with the row's line."""
    from tidegate.client import Pushed

    done = Pushed()
    try:
        with progress("records") as advance:
            for done in client.batches(table_name, rows, key_names=key_names, schema=schema):
                advance(done.records, rows.bytes_read(), rows.size)
    except PushRefused as exc:
        where = rows.name if exc.row_index is None else rows.place(exc.row_index)
        raise PushRefused(f"{where}: {exc}", row_index=exc.row_index) from exc
    except (ServerUnreachable, InputInvalid) as exc:
        raise type(exc)(f"{exc}; {_accepted(done)}") from exc
    except KeyboardInterrupt:
        say(f"stopped; {_accepted(done)}, a request under way may be accepted too", style="yellow")
        raise typer.Exit(1) from None
    return done


def _accepted(done: Pushed) -> str:
    return f"{done.records:,} records were accepted before"


def _summary(done: Pushed, table_name: str) -> str:
    retries = f", {done.retries:,} retries" if done.retries else ""
    took = f"{done.requests:,} request{'s' * (done.requests != 1)}{retries}, {done.seconds:.1f} s"
    return f"{done.records:,} records accepted for {table_name} ({took})"


def _read_schema(path: Path) -> Mapping[str, Any]:
    import msgspec

    try:
        # Numbers of a schema, such as multipleOf: 1e-20, must keep their digits too.
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except OSError as exc:
        raise InputInvalid(
            f"{path} cannot be opened: {exc.strerror}; --schema takes a file with JSON Schema"
        ) from exc
    except msgspec.DecodeError as exc:
        raise InputInvalid(
            f"{path} is no JSON object ({exc}); --schema takes a file with JSON Schema"
        ) from exc
    return found


def _schema_of(rows: RowFile, key_names: list[str]) -> Mapping[str, Any]:
    """Return what is known of the types without a schema: CSV columns, and that keys are properties."""
    if missing := [name for name in key_names if rows.properties and name not in rows.properties]:
        columns = ", ".join(rows.properties)
        raise InputInvalid(f"{rows.name} has no column {missing[0]!r}, which --key names; it has {columns}")
    return {"type": "object", "properties": {name: {} for name in key_names} | rows.properties}


def _say_waiting() -> Callable[[str], None]:
    """Return what tells people why nothing goes on: once for each reason, not for each attempt."""
    said: set[str] = set()

    def once(why: str) -> None:
        if why not in said:
            said.add(why)
            say(f"the server cannot take the request now, trying again: {why}", style="yellow")

    return once


# --- Which server, and as whom -----------------------------------------------------------------------------


_ELSEWHERE = ", or give --url and --token"


@contextmanager
def _server(
    settings: Settings, url: str | None, token: str | None, source: str | None, account: int | None
) -> Iterator[tuple[str, str | Callable[[], str]]]:
    """Yield the base URL, and a token or a maker of tokens; what was made is revoked at the end."""
    if token is not None:
        if source is not None or account is not None:
            raise InputInvalid(
                "an access token already belongs to a source; give --source and --account, or --token"
            )
        yield url or local_url(settings, otherwise=_ELSEWHERE), token
        return
    if url is not None:
        # A token made here would be handed to whoever answers there.
        raise InputInvalid(
            "--url needs --token, or TIDEGATE_ACCESS_TOKEN, with an access token of that server"
        )
    with open_store(settings) as store, closing(LocalToken(store, source, account)) as local:
        yield local_url(settings, otherwise=_ELSEWHERE), local
