"""`tidegate sources`: the sources that records come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.accounts import AccountOption, OnlyAccount, chosen_account, within
from tidegate.cli.context import ID_MAX, AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.shown import as_json_object, print_table
from tidegate.errors import InputInvalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tidegate.control.sources import Source

app = typer.Typer(
    help="Sources: where records come from, each with its own schema and access tokens.", no_args_is_help=True
)

SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="Id or schema name of the source.")]


@app.command("list", epilog="Example: `tidegate sources list --json`")
def list_(
    *,
    deleted: Annotated[bool, typer.Option("--deleted", help="Show deleted sources too.")] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the sources."""
    from tidegate.control import sources

    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = sources.list_(conn, within(conn, account), deleted=deleted)
    if as_json:
        print_json([_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.display_name,
            each.schema_name,
            state(each),
            each.client_id,
            f"{each.created_at:%Y-%m-%d}",
        )
        for each in found
    ]
    print_table(("id", "name", "schema", "state", "client id", "created"), rows)


@app.command("create", epilog="Example: `tidegate sources create 'Web shop' --schema shop`")
def create(
    display_name: Annotated[str, typer.Argument(metavar="NAME", help="What people call the source.")],
    schema: Annotated[
        str | None, typer.Option("--schema", help="Schema for its tables; otherwise made from the name.")
    ] = None,
    *,
    destination: Annotated[
        int | None,
        typer.Option(metavar="ID", help="Destination to load to.", show_default="the account's default"),
    ] = None,
    account: AccountOption = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a source with a first access token, which is shown this once."""
    from tidegate.control import sources, tokens

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        client_id = chosen_account(conn, account).client_id
        source = sources.create(conn, client_id, display_name, schema, destination_id=destination)
        _, secret = tokens.create(conn, source.id)
    if as_json:
        print_json(_object(source) | {"access_token": secret})
        return
    typer.echo(f"Created source {source.id}; its tables go to schema {source.schema_name}, for good.")
    typer.echo(f"\n  client id     {source.client_id}\n  access token  {secret}\n")
    typer.echo("Keep the token private and safe: it cannot be shown again.")


@app.command("pause", epilog="Example: `tidegate sources pause import_api`")
def pause(
    source: SourceArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Refuse a source's requests (401) until it is resumed; its senders must send those again."""
    from tidegate.control import sources

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = sources.pause(conn, find_source(conn, source, client_id=within(conn, account)).id)
    _say(changed, "is paused: requests are refused with 401; what was accepted still loads", as_json=as_json)


@app.command("resume", epilog="Example: `tidegate sources resume import_api`")
def resume(
    source: SourceArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take a paused source's requests again."""
    from tidegate.control import sources

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = sources.resume(conn, find_source(conn, source, client_id=within(conn, account)).id)
    _say(changed, "is active: requests are taken", as_json=as_json)


@app.command("show", epilog="Example: `tidegate sources show import_api --json`")
def show(
    source: SourceArgument, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show one source."""
    with open_store(settings_for(data_dir)) as store, store.reading() as conn:
        found = find_source(conn, source, client_id=within(conn, account))
    if as_json:
        print_json(_object(found))
        return
    for name, value in _object(found).items():
        typer.echo(f"{name:<16}{'' if value is None else value}")


@app.command("rename", epilog="Example: `tidegate sources rename import_api 'Web shop'`")
def rename(
    source: SourceArgument,
    display_name: Annotated[str, typer.Argument(metavar="NAME", help="The new display name.")],
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what people call a source; its schema keeps its name."""
    from tidegate.control import sources

    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = sources.rename(
            conn, find_source(conn, source, client_id=within(conn, account)).id, display_name
        )
    _say(changed, f"is called {display_name} now", as_json=as_json)


def _destination_id(text: str) -> int | None:
    """Shape: an id, or `default` -> the id, None for the account's default. Errors: InputInvalid."""
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= ID_MAX):
        raise InputInvalid(
            f"--destination is {text!r}; give an id from `tidegate destinations list`, or default"
        )
    return int(text)


def _place(source: Source) -> str:
    where = source.destination_id
    return "the account's default destination" if where is None else f"destination {where}"


@app.command("set", epilog="Example: `tidegate sources set import_api --staged-versions`")
def set_(
    source: SourceArgument,
    *,
    staged_versions: Annotated[
        bool | None,
        typer.Option(
            "--staged-versions/--no-staged-versions",
            help="Keep the rows of a new table version apart until it is activated.",
            show_default="as it is",
        ),
    ] = None,
    append_only: Annotated[
        bool | None,
        typer.Option(
            "--append-only/--no-append-only",
            help="Only add rows, also to tables with keys, and replace none; PostgreSQL's primary keys are"
            " dropped with the next load.",
            show_default="as it is",
        ),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(
            metavar="ID|default",
            help="Destination to load to from now on; what is loaded stays where it is.",
            show_default="as it is",
        ),
    ] = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change how and where a source is loaded, from now on."""
    from tidegate.control import sources

    if staged_versions is None and append_only is None and destination is None:
        raise InputInvalid("nothing to change; say what, as in `tidegate sources set NAME --staged-versions`")
    told: list[str] = []
    with open_store(settings_for(data_dir)) as store, store.writing() as conn:
        changed = find_source(conn, source, client_id=within(conn, account))
        if staged_versions is not None:
            changed = sources.stage_versions(conn, changed.id, staged_versions)
            told.append(
                "keeps versions apart until they are activated"
                if staged_versions
                else "loads new versions at once"
            )
        if append_only is not None:
            changed = sources.only_append(conn, changed.id, append_only)
            told.append("has rows only added" if append_only else "has rows replaced by those of equal keys")
        if destination is not None:
            changed = sources.move(conn, changed.id, _destination_id(destination))
            told.append("loads what is not loaded yet into " + _place(changed))
    _say(changed, " and ".join(told), as_json=as_json)


@app.command("delete", epilog="Example: `tidegate sources delete web_shop --yes`")
def delete(
    source: SourceArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a source for good: its tokens stop working; what was accepted still loads, its tables stay."""
    from tidegate.control import sources

    with open_store(settings_for(data_dir)) as store:
        with store.reading() as conn:
            found = find_source(conn, source, client_id=within(conn, account))
        if not yes:
            typer.confirm(f"Delete source {found.id} ({found.display_name}) for good?", abort=True, err=True)
        with store.writing() as conn:
            changed = sources.delete(conn, found.id)
    _say(changed, "is deleted: requests are refused with 401; its tables stay", as_json=as_json)


def find_source(conn: Connection, text: str | None, *, client_id: int | None = None) -> Source:
    """
    Return the source a person named by id or schema name; without a name, the only one there is.

    Shape: with `client_id`, what other accounts have is as if there were none.
    Errors: Unknown, Conflict; InputInvalid when nothing was named and there is not exactly one.
    """
    from tidegate.control import sources

    if text is not None:
        return sources.find(conn, text, client_id=client_id)
    known = sources.list_(conn, client_id)
    if len(known) == 1:
        return known[0]
    if not known:
        raise InputInvalid("there is no source yet; make one with `tidegate sources create NAME`")
    names = ", ".join(each.schema_name for each in known[:10]) + (", ..." if len(known) > 10 else "")
    raise InputInvalid(f"there are {len(known)} sources; name one of: {names}")


def state(source: Source) -> str:
    """A source's state in a word."""
    if source.deleted_at is not None:
        return "deleted"
    return "active" if source.active else "paused"


def _say(source: Source, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_object(source))
    else:
        typer.echo(f"Source {source.id} ({source.schema_name}) {text}.")


def _object(source: Source) -> dict[str, Any]:
    return as_json_object(source) | {"state": state(source)}
