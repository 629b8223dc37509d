"""
A second account tries every command on what the first one owns. (P12 by command; C21)

The cases are made from the tree of commands, so that a new command, argument or option cannot be forgotten:
what these tables do not know fails here until somebody says what it stands for.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from sqlalchemy import select

from tests.commands import run
from tests.product import Product
from tests.waiting import wait_until
from tidegate.cli import app
from tidegate.control import (
    accounts,
    connect_tokens,
    destinations,
    emails,
    hooks,
    notifications,
    sources,
    users,
)
from tidegate.control import tokens as access_tokens
from tidegate.control.roles import Role
from tidegate.control.schema import metadata
from tidegate.control.store import Store

OPERATORS = {
    "serve": "runs the whole",
    "status": "shows the state of the whole",
    "config": "shows settings, which are nobody's",
    "infer": "reads a file",
    "accounts create": "makes an account",
    "accounts list": "lists the accounts themselves",
    "accounts rename": "names an account, not what it owns",
    "users add": "lets a user of one account into another",
}
"""Commands that are for whoever runs the server, and why."""

PLAIN = {
    "query": "SELECT 1",
    "table_name": "orders",
    "table": "orders",
    "file": "{file}",
    "display_name": "Made by the second",
    "url": "https://receiver.example.com/loads",
    "address": "second@example.com",
    "role": "owner",
}
"""Argument -> a value that names nothing."""

OWNED = {
    "source",
    "source_id",
    "token_id",
    "destination",
    "destination_id",
    "hook",
    "hook_id",
    "email",
    "email_id",
    "notification_id",
    "record_id",
    "ids",
}
"""Arguments and options that name something of an account."""

PLAIN_OPTIONS = frozenset(
    """
    data_dir as_json account loads table limit shape wait_s key_names
    schema kind texts_only url token batch_size to since until
    resume lang access_token days who what reason marked everything
    deleted yes expires_in_days region file name no_check description read_only
    role password_stdin staged_versions append_only field
    """.split()  # noqa: SIM905 - forty lines would tell nobody more
)
"""Options that name nothing of an account."""

MORE: dict[str, list[str]] = {
    "sources delete": ["--yes"],
    "destinations delete": ["--yes"],
    "tables discard": ["--yes"],
    "destinations update": ["--name", "Stolen"],
    "sources set": ["--staged-versions"],
    "replay": ["--to", "duckdb:///{file}.duckdb"],
    "script": ["--url", "http://127.0.0.1:9"],
}
"""What a command needs beside its arguments."""

OTHER_ARGUMENTS = {
    "users create": {"email": "third-{account}@example.com"},
    "destinations create": {"url": "duckdb:///{file}.{account}.duckdb"},
}
"""Where a name of `OWNED` or `PLAIN` stands for something else."""

NEEDS_SERVER = {"push", "rejected replay"}
NOBODYS = {"email": "nobody@example.com", "record_id": "987654.0", "ids": "987654.0"}
NOBODYS_ID = "987654"


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command there is, by its name as people type it."""
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from leaves(each, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(leaves(typer.main.get_command(app)))
SCOPED = sorted(COMMANDS.keys() - OPERATORS.keys())


@dataclass(slots=True)
class Town:
    """Two accounts in one data folder: `owned` is what the first has, by the names of arguments."""

    product: Product
    victim: int
    thief: int
    file: Path
    owned: dict[str, str] = field(default_factory=dict)

    def run(
        self, command: str, account: int, owned: dict[str, str], data_dir: Path | None = None
    ) -> tuple[int, str]:
        """Run a command for an account with those ids, in this process; return exit code and output."""
        values = {**PLAIN, **owned, **OTHER_ARGUMENTS.get(command, {})}
        arguments: list[str] = []
        for each in COMMANDS[command].params:
            name = str(each.name)
            if each.param_type_name == "argument":
                arguments.append(values[name])
            elif name in OWNED:
                arguments += [each.opts[0], values[name]]
        # An id of a record or a choice of records, not both.
        if command == "rejected replay":
            arguments = [owned["ids"]]
        arguments = [
            each.format(file=self.file, account=account) for each in (*arguments, *MORE.get(command, []))
        ]
        line = [*command.split(), *arguments, "--account", str(account), "--json"]
        return run(data_dir or self.product.data_dir, line, "a value of a token that senders have\n")

    def kept(self) -> dict[str, list[Any]]:
        """Return all that the store keeps of the first account."""
        store = Store.open(self.product.data_dir / "control.db")
        with store.reading() as conn:
            ids = [each.id for each in sources.list_(conn, self.victim, deleted=True)]
            whose = {"client_id": [self.victim], "source_id": ids, "user_id": [int(self.owned["user_id"])]}
            found = {
                f"{table.name} by {name}": [
                    tuple(row) for row in conn.execute(select(table).where(table.c[name].in_(who)))
                ]
                for table in metadata.sorted_tables
                for name, who in whose.items()
                if name in table.c
            }
            found["users"] = [tuple(row) for row in conn.execute(select(metadata.tables["users"]))][:2]
        store.close()
        return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The first account has something of every kind, the second what it cannot do without."""
    folder = tmp_path_factory.mktemp("town")
    file = folder / "rows.json"
    file.write_text('[{"id": 1}]')
    product = Product(folder / "data", flags=("--workers", "1"))
    product.start()
    try:
        yield _settled(product, file)
    finally:
        product.close()


def _settled(product: Product, file: Path) -> Town:
    with product.client() as client:
        rows = [product.record("orders", 1, {"id": 1}), product.record("orders", 2, {"id": 2**70})]
        client.post("/v2/import/push", json=rows).raise_for_status()
    product.wait_until_loaded()
    rejected = wait_until(
        lambda: json.loads(product.run("rejected", "list", "--json").stdout), what="a rejected record"
    )
    store = Store.open(product.data_dir / "control.db")
    wait_until(lambda: _used_at(store), what="the token's last use")
    wait_until(lambda: _told(store), what="the notification of the rejected record")
    for notifier in product.processes("notifier"):
        notifier.suspend()  # what it finds out on its own would look like what a command did
    with store.writing() as conn:
        victim, thief = product.client_id, accounts.create(conn, "Thief").client_id
        destinations.create(conn, thief, f"duckdb:///{file.parent / 'thief.duckdb'}", "Thief's")
        sources.create(conn, thief, "Thief's")
        users.create(conn, thief, "thief@example.com", Role.OWNER)
        hook, _ = hooks.create(conn, victim, 1, "https://victim.example.com/loads")
        token, _ = connect_tokens.create(conn, victim, "of the victim")
        notifications.hook_failed(conn, hook, "refused")
        owned = {
            "source": "1",
            "token_id": "1",
            "destination": "1",
            "destination_id": "1",
            "hook": str(hook.id),
            "hook_id": str(hook.id),
            "email": "owner@localhost",
            "user_id": str(users.find(conn, "owner@localhost")[0].id),
            "email_id": str(emails.create(conn, victim, "mails@victim.example.com").id),
            "notification_id": str(notifications.list_(conn, victim)[0].id),
            "record_id": rejected[0]["id"],
            "ids": rejected[0]["id"],
        }
        assert token.id == access_tokens.get(conn, 1).id
    store.close()
    return Town(product, victim, thief, file, owned)


def _used_at(store: Store) -> datetime | None:
    with store.reading() as conn:
        return access_tokens.get(conn, 1).last_used_at


def _told(store: Store) -> bool:
    with store.reading() as conn:
        return bool(notifications.list_(conn))


def _anonymous(text: str, town: Town, owned: dict[str, str]) -> str:
    """Return an answer without the numbers and names that were asked for."""
    for name in sorted({*owned.values()}, key=len, reverse=True):
        if not name.isdigit():
            text = text.replace(name, "NAME")
    return re.sub(r"\d+", "N", text.replace(str(town.file.parent), ""))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_acts_for_one_account_or_for_whoever_runs_the_server(command: str) -> None:
    """A new command can be told to act for one account alone, or says why it need not; so do its options."""
    names = {str(each.name) for each in COMMANDS[command].params}
    assert ("account" in names) == (command not in OPERATORS) or command == "users add"
    if command not in OPERATORS:
        assert set() == names - OWNED - PLAIN.keys() - PLAIN_OPTIONS


@pytest.mark.parametrize("command", SCOPED)
def test_anothers_property_is_as_if_there_were_none(
    town: Town, command: str, exercised: Callable[[str], None]
) -> None:
    """What another account owns is answered like an id nobody has, and is left as it was. (C21)"""
    exercised("commands: two accounts")
    nobodys = {name: NOBODYS.get(name, NOBODYS_ID) for name in town.owned}
    before = town.kept()
    code, tried = town.run(command, town.thief, town.owned)
    asks = {str(each.name) for each in COMMANDS[command].params} & OWNED
    if asks - OTHER_ARGUMENTS.get(command, {}).keys():
        unknown, absent = town.run(command, town.thief, nobodys)
        assert (unknown, _anonymous(absent, town, nobodys)) == (code, _anonymous(tried, town, town.owned))
        assert "account not found" not in tried
        assert (4, True) == (code, tried.startswith("unknown")) or command == "hooks deliveries"
    else:
        assert 0 == code, tried
        assert [] == [each for each in ("import_api", "owner@", "victim") if each in tried]
        assert f'"client_id": {town.victim}' not in tried
    assert before == town.kept()


@contextmanager
def copied(town: Town, folder: Path) -> Iterator[Path]:
    """A copy of the data folder, on which no server runs."""
    target = folder / "copy"
    shutil.copytree(town.product.data_dir, target, ignore=shutil.ignore_patterns("server.json", "lock"))
    yield target
    shutil.rmtree(target)


@pytest.mark.parametrize("command", sorted(set(SCOPED) - NEEDS_SERVER))
def test_the_owner_may(town: Town, command: str, tmp_path: Path) -> None:
    """The same command with the same ids works for the account that owns them."""
    with copied(town, tmp_path) as folder:
        store = Store.open(folder / "control.db")
        with store.writing() as conn:
            users.create(conn, town.victim, "second@localhost", Role.OWNER)
        store.close()
        code, said = town.run(command, town.victim, town.owned, folder)
        assert 0 == code, said
