"""
The `tidegate` command: one file for each command, found here, and one place where errors become exit codes.

May import everything below it. Invariants:

1. Only `serve.py` puts the parts of the product together; every other command talks to one part.
2. Standard output carries the answer (JSON with `--json`), standard error everything else.
3. Exit codes: 0 fine, 1 failed, 2 wrong use, 3 unavailable now and worth a retry, 4 refused.
4. Command modules import heavy libraries inside their functions, so that `--help` is instant.
"""

from __future__ import annotations

import sys

import typer

from tidegate.cli import (
    accounts,
    audit,
    config,
    connect_tokens,
    destinations,
    emails,
    hooks,
    infer,
    loads,
    notifications,
    push,
    rejected,
    replay,
    script,
    serve,
    sources,
    sql,
    status,
    tables,
    tokens,
    usage,
    users,
)
from tidegate.cli.context import err_console, print_json
from tidegate.errors import TidegateError

app = typer.Typer(
    name="tidegate",
    help="Push JSON over HTTP, keep it durably, see it as typed tables in your own warehouse.",
    epilog="Start with `tidegate serve`, then paste the curl line that it prints.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("status")(status.status)
app.command("loads")(loads.loads)
app.command("sql")(sql.sql)
app.command("push")(push.push)
app.add_typer(rejected.app, name="rejected")
app.command("replay")(replay.replay)
app.command("infer")(infer.infer)
app.add_typer(sources.app, name="sources")
app.add_typer(tables.app, name="tables")
app.add_typer(tokens.app, name="tokens")
app.add_typer(accounts.app, name="accounts")
app.add_typer(destinations.app, name="destinations")
app.add_typer(connect_tokens.app, name="connect-tokens")
app.add_typer(users.app, name="users")
app.add_typer(hooks.app, name="hooks")
app.add_typer(emails.app, name="emails")
app.add_typer(notifications.app, name="notifications")
app.command("script")(script.script)
app.command("usage")(usage.usage)
app.command("audit")(audit.audit)
app.command("config")(config.config)


def main() -> None:
    """Run the command line; the one place where a `TidegateError` becomes an exit code."""
    try:
        app()
    except TidegateError as exc:
        if "--json" in sys.argv:
            print_json({"error": exc.code, "message": str(exc)})
        err_console().print(
            f"[bold red]error[/]: {str(exc).replace('[', chr(92) + '[')}", highlight=False, soft_wrap=True
        )
        sys.exit(exc.exit_code)
