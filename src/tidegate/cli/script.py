"""`tidegate script`: a small program that sends records to a source, ready to run."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from tidegate.cli.accounts import OnlyAccount, within
from tidegate.cli.context import AsJson, DataDir, open_store, print_json, settings_for
from tidegate.cli.local_access import local_url
from tidegate.cli.sources import find_source

SCRIPTS = Path(__file__).parent / "scripts"

EXAMPLES = """

[bold]Examples[/]

tidegate script import_api > push.py

tidegate script import_api --lang curl --table orders | sh

tidegate script import_api --lang apps-script --url https://tidegate.example.com

[bold]What is written[/]

A program that sends rows to one table and tries again while the server is
busy. It holds a new access token of the source, or the one that is given.
"""
"""Shown under the command's help."""


class Language(StrEnum):
    """What a script can be written in; each is a file in `scripts`."""

    PYTHON = "python"
    CURL = "curl"
    JAVASCRIPT = "javascript"
    APPS_SCRIPT = "apps-script"


def script(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="Id or schema name; not needed when there is one source."),
    ] = None,
    *,
    lang: Annotated[Language, typer.Option(help="What to write it in.")] = Language.PYTHON,
    table: Annotated[str, typer.Option(help="The table to send to.")] = "hello",
    url: Annotated[
        str | None, typer.Option(help="Where the server is.", show_default="the server that runs here")
    ] = None,
    access_token: Annotated[
        str | None, typer.Option(help="A token of the source.", show_default="a new one is made")
    ] = None,
    account: OnlyAccount = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a program that sends records to a source and runs as it is."""
    from tidegate.control import tokens

    settings = settings_for(data_dir)
    base_url = (url or local_url(settings, otherwise=", or give --url")).rstrip("/")
    with open_store(settings) as store, store.writing() as conn:
        owner = find_source(conn, source, client_id=within(conn, account))
        secret = access_token or tokens.create(conn, owner.id)[1]
    text = filled(lang, base_url, owner.client_id, secret, table)
    if as_json:
        print_json({"lang": lang, "source_id": owner.id, "script": text})
    else:
        typer.echo(text, nl=False)


script.__doc__ = (script.__doc__ or "") + EXAMPLES


def filled(lang: Language, base_url: str, client_id: int, secret: str, table_name: str) -> str:
    """Return a script with its values written as its language does."""
    quote = shlex.quote if lang is Language.CURL else json.dumps
    table_json = json.dumps(table_name)
    return Template((SCRIPTS / f"{lang}.txt").read_text(encoding="utf-8")).substitute(
        url=quote(base_url),
        client_id=client_id,
        access_token=quote(secret),
        table_name=quote(table_name),
        # Inside a here-document the shell reads these three.
        table_name_json=table_json.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`"),
    )
