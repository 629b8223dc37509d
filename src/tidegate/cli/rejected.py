"""`tidegate rejected`: the records no table took: look at them, send them again, put them aside."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.accounts import OnlyAccount
from tidegate.cli.context import AsJson, DataDir, err_console, open_store, print_json, settings_for
from tidegate.cli.local_access import LocalToken, local_url
from tidegate.cli.rejected_rows import RejectedRow, Wanted, read_rejected
from tidegate.cli.shown import as_json_object, print_table, say, when
from tidegate.errors import InputInvalid, ServerUnreachable, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tidegate.client.sending import Answer, Sender
    from tidegate.control.rejected import Place
    from tidegate.control.store import Store

app = typer.Typer(
    help="Rejected records: look at them, send them again after a fix, or put them aside.",
    no_args_is_help=True,
)

EXIT_REFUSED = 4
MARKS_EVERY = 200
"""Replayed records between two notes of it; what is sent twice after a crash is kept once all the same."""

SourceOption = Annotated[
    str | None, typer.Option(help="Records of this source (id or name) only.", show_default="all sources")
]
TableOption = Annotated[
    str | None, typer.Option(help="Records of this table only, by its name as sent.", show_default="all")
]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids from `tidegate rejected list`.")]
SomeIds = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Ids from `tidegate rejected list`.")
]


@app.command("list", epilog="Example: `tidegate rejected list --table cars --reason 'out of range'`")
def list_(
    *,
    source: SourceOption = None,
    table: TableOption = None,
    reason: Annotated[
        str | None, typer.Option(help="Records whose reason has this in it, in any case.", show_default="all")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most records to show.")] = 50,
    marked: Annotated[bool, typer.Option("--marked", help="Show replayed and discarded ones too.")] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List rejected records that were neither replayed nor discarded, newest first."""
    settings = settings_for(data_dir)
    wanted = Wanted(
        account=account, source=source, table_name=table, reason=reason, limit=limit, marked=marked
    )
    with open_store(settings) as store:
        found = list(read_rejected(settings, store, wanted))
    if as_json:
        print_json([_object(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.source.schema_name,
            each.table_name,
            when(each.rejected_at),
            each.mark.state if each.mark else "",
            each.reason,
        )
        for each in found
    ]
    print_table(("id", "source", "table", "rejected", "state", "reason"), rows)
    if len(found) == limit:
        say("there may be more; --limit shows them", style="dim")


@app.command("show", epilog="Example: `tidegate rejected show 1204.7`")
def show(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="Id from `tidegate rejected list`.")],
    *,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one rejected record whole, as the request that would be sent again."""
    settings = settings_for(data_dir)
    with open_store(settings) as store:
        found = _named(list(read_rejected(settings, store, _by_id([record_id], account))), [record_id])[0]
    if as_json:
        print_json(_object(found) | {"message": found.message})
        return
    state = (
        f"{found.mark.state} {when(found.mark.marked_at)} by {found.mark.command}" if found.mark else "open"
    )
    for name, value in (
        ("id", found.id),
        ("source", found.source.schema_name),
        ("table", found.table_name),
        ("rejected", when(found.rejected_at)),
        ("reason", found.reason),
        ("request", f"{found.request_id}, place {found.at[2]}"),
        ("state", state),
    ):
        typer.echo(f"{name:9} {value}")
    typer.echo(f"\n{_readable(found.message)}")


@app.command(
    "replay", epilog="Examples: `tidegate rejected replay 1204.7`, `tidegate rejected replay --table cars`"
)
def replay(
    ids: SomeIds = None,
    *,
    source: SourceOption = None,
    table: TableOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that were neither replayed nor discarded.")
    ] = False,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """
    Send rejected records to the running server again, after what was wrong was put right.

    Oldest first, with the sequence they had: a newer row stays. Each is kept once, however often it is
    replayed within a day, and marked, so that later replays pass over it. What is rejected again is listed
    again, as a new record. Exit code 4 when the server refused one.
    """
    if bool(ids) == bool(everything or table or source):
        raise InputInvalid(
            "say what to replay: ids from `tidegate rejected list`, --source, --table, or --all"
        )
    settings = settings_for(data_dir)
    base_url = local_url(settings)
    wanted = (
        _by_id(ids, account)
        if ids
        else Wanted(account=account, source=source, table_name=table, oldest_first=True, messages=True)
    )
    with open_store(settings) as store, closing(_Replaying(store, base_url)) as replaying:
        rows: Iterable[RejectedRow] = read_rejected(settings, store, wanted)
        done = replaying.run(_named(list(rows), ids) if ids else rows)
    if as_json:
        print_json({"replayed": done.replayed, "replayed_before": done.before, "refused": done.refused})
    else:
        before = f", {done.before:,} were replayed before" if done.before else ""
        typer.echo(
            f"{done.replayed:,} records sent again{before}; `tidegate rejected list` shows what comes back"
        )
        for each in done.refused:
            say(f"{each['id']}: {each['message']}", style="red")
    if done.refused:
        raise typer.Exit(EXIT_REFUSED)


@app.command("discard", epilog="Example: `tidegate rejected discard 1204.7 1204.8`")
def discard(
    ids: Ids, *, account: OnlyAccount = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Put rejected records aside: they are not listed and not replayed with others; nothing is deleted."""
    from tidegate.control import rejected

    settings = settings_for(data_dir)
    with open_store(settings) as store:
        found = _named(list(read_rejected(settings, store, _by_id(ids, account, messages=False))), ids)
        with store.writing() as conn:
            rejected.mark(conn, [each.at for each in found], rejected.State.DISCARDED, "rejected discard")
    if as_json:
        print_json({"discarded": [each.id for each in found]})
    else:
        typer.echo(f"{len(found):,} records put aside; `tidegate rejected list --marked` shows them")


# --- Sending again -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Done:
    """How far a replay came. Shape: `refused` are objects with `id` and `message`."""

    replayed: int = 0
    before: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


class _Replaying:
    """Sends records to the server, each to its own source, and marks those that were accepted."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url
        self._stack = ExitStack()
        self._senders: dict[int, Sender] = {}
        self._accepted: list[Place] = []

    def run(self, rows: Iterable[RejectedRow]) -> _Done:
        """Send all that were not replayed. Errors: ServerUnreachable; what was accepted before is marked."""
        from tidegate.control.rejected import State

        done = _Done()
        try:
            with err_console().status("sending again ...") as shown:
                for row in rows:
                    if row.mark is not None and row.mark.state is State.REPLAYED:
                        done.before += 1
                        continue
                    self._send(row, done)
                    shown.update(f"{done.replayed:,} records sent again ...")
        except ServerUnreachable as exc:
            raise ServerUnreachable(f"{exc}; {done.replayed:,} records were sent again before") from exc
        return done

    def close(self) -> None:
        """Mark what was accepted, and give up connections and tokens."""
        try:
            self._mark()
        finally:
            self._stack.close()

    def _send(self, row: RejectedRow, done: _Done) -> None:
        if row.message is None:
            lacking = "its message was too large to keep beside the others; the journal has its request"
            done.refused.append({"id": row.id, "message": lacking})
            return
        path, body = sendable(row.message, row.source.client_id)
        key = "rejected-{}-{}-{}".format(*row.at)
        answer = self._sender(row).post(path, body, key=key)
        if answer.response.status_code in {201, 202}:
            done.replayed += 1
            self._accepted.append(row.at)
            if len(self._accepted) >= MARKS_EVERY:
                self._mark()
        else:
            done.refused.append({"id": row.id, "message": _words(answer)})

    def _mark(self) -> None:
        from tidegate.control import rejected

        accepted, self._accepted = self._accepted, []
        if accepted:
            with self._store.writing() as conn:
                rejected.mark(conn, accepted, rejected.State.REPLAYED, "rejected replay")

    def _sender(self, row: RejectedRow) -> Sender:
        from tidegate.client.sending import Sender

        source_id = row.source.id
        if source_id not in self._senders:
            token = self._stack.enter_context(closing(LocalToken(self._store, str(source_id))))
            sender = Sender(
                self._base_url,
                token,
                patience_s=120.0,
                timeout_s=60.0,
                on_wait=lambda why: say(
                    f"the server cannot take it now, trying again: {why}", style="yellow"
                ),
            )
            self._senders[source_id] = self._stack.enter_context(closing(sender))
        return self._senders[source_id]


def sendable(message: str, client_id: int) -> tuple[str, bytes]:
    """
    Return where a kept message is sent, and the body: to push, its record gets the account's id.

    Source: docs/specs/loading.md, L45.
    """
    if message.startswith("[{"):
        return "/v2/import/push", f'[{{"client_id":{client_id},{message[2:]}'.encode()
    return "/v2/import/batch", message.encode()


def _words(answer: Answer) -> str:
    from tidegate.client.refusals import words

    return words(answer.response.status_code, answer.response.text)


# --- What was asked for, and how it looks ------------------------------------------------------------------


def _by_id(ids: Sequence[str], account: int | None, *, messages: bool = True) -> Wanted:
    return Wanted(account=account, ids=ids, marked=True, oldest_first=True, messages=messages)


def _named(found: list[RejectedRow], ids: Sequence[str]) -> list[RejectedRow]:
    """Return what was found under ids. Errors: Unknown names the first id that is missing."""
    known = {each.id for each in found} | {f"{each.at[0]}:{each.at[1]}.{each.at[2]}" for each in found}
    if missing := [each for each in ids if each not in known]:
        raise Unknown(
            f"there is no rejected record {missing[0]}; `tidegate rejected list` shows those there are"
        )
    return found


def _object(row: RejectedRow) -> dict[str, Any]:
    journal_id, position, place = row.at
    return {
        "id": row.id,
        "source": row.source.schema_name,
        "table_name": row.table_name,
        "reason": row.reason,
        "rejected_at": row.rejected_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request_id": row.request_id,
        "journal_id": journal_id,
        "position": position,
        "place": place,
        "mark": None if row.mark is None else as_json_object(row.mark),
    }


def _readable(message: str | None) -> str:
    if message is None:
        return "The message was too large to keep beside the others of its load; the journal has its request."
    import msgspec

    try:
        return msgspec.json.format(message, indent=2)
    except msgspec.DecodeError:
        return message
