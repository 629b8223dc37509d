"""
Make the pages of docs/reference that say what the code says: settings, errors, commands.

Usage: python -m tools.reference [--check]. With --check nothing is written: the exit code is 1 when a page
differs from what the code says now.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer
import typer.main
from rich.errors import MarkupError
from rich.text import Text

from tidegate.errors import Refusal, TidegateError
from tidegate.settings import SETTINGS_FILE, Settings, options

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
MADE = "<!-- Made by `make docs` from {source}; edit that instead. -->"

ABOUT_SETTINGS = f"""\
A setting is read from the command line, else from the environment as `TIDEGATE_` and its name in capitals,
else from `{SETTINGS_FILE}` in the data folder; else its default holds. `data_dir` is not read from that file,
which is inside it. `tidegate config` shows each value and where it came from."""

ABOUT_ERRORS = """\
Each failure has a code that does not change between releases. *Status* is the HTTP status where one is
answered, *exit code* that of a command, and *retry* says whether the same attempt may succeed later. Exit
codes: 0 fine, 1 failed, 2 wrong use, 3 unavailable now and worth a retry, 4 refused by the other side."""

ABOUT_COMMANDS = """\
Exit codes: 0 fine, 1 failed, 2 wrong use, 3 unavailable now and worth a retry, 4 refused by the other side.
`--help` after any command shows what this page says of it."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table. Shape: column titles, rows of as many texts -> a block."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Keep a text on its line and in its cell."""
    return " ".join(text.replace("|", "\\|").split())


def first_paragraph(docstring: str | None) -> str:
    """Return a docstring's promise: all before its first empty line, on one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


# --- settings.md -------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Describe every setting, in the order declared."""
    defaults = {each.name: each.default for each in fields(Settings)}
    rows = [
        (f"`{name}`", _shown(defaults[name]), about.unit, about.bound(), about.help)
        for name, about in options().items()
    ]
    return "\n\n".join(
        [
            "# Settings",
            MADE.format(source="src/tidegate/settings.py"),
            ABOUT_SETTINGS,
            table(("Setting", "Default", "Unit", "Allowed", "Meaning"), rows),
        ]
    )


def _shown(default: object) -> str:
    """Show a default as it would be written."""
    text = f"{default:_}" if isinstance(default, int) and default >= 10_000 else str(default)
    return f"`{text}`" if text else "empty"


# --- errors.md ---------------------------------------------------------------------------------------------


def errors_page() -> str:
    """Describe every error a person or a client can meet, by family."""
    families = []
    for family in families_of_errors():
        rows = [
            (
                f"`{each.code}`",
                _status(each),
                str(each.exit_code),
                "yes" if each.retryable else "no",
                first_paragraph(each.__doc__),
            )
            for each in with_subclasses(family)
        ]
        families.append(f"## {family.__name__}\n\n{first_paragraph(family.__doc__)}")
        families.append(table(("Code", "Status", "Exit code", "Retry", "Meaning"), rows))
    return "\n\n".join(
        [
            "# Errors",
            MADE.format(source="src/tidegate/errors.py"),
            ABOUT_ERRORS,
            *families,
        ]
    )


def _status(error: type[TidegateError]) -> str:
    """Return the HTTP status of errors that have one of their own; commands are not answered over HTTP."""
    return str(error.status) if issubclass(error, Refusal) or error.status != TidegateError.status else ""


def families_of_errors() -> list[type[TidegateError]]:
    """Return the classes right below the root, as errors.py draws them."""
    return [each for each in TidegateError.__subclasses__() if each.__module__ == TidegateError.__module__]


def with_subclasses(family: type[Any]) -> Iterator[type[Any]]:
    """Yield a class and all below it in the same module, in the order written."""
    yield family
    for each in family.__subclasses__():
        if each.__module__ == family.__module__:
            yield from with_subclasses(each)


# --- commands.md -------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Describe every command with its arguments and options."""
    from tidegate.cli import app  # noqa: PLC0415 - a command that cannot be imported spoils this page alone

    return "\n\n".join(
        [
            "# Commands",
            MADE.format(source="the commands' help texts in src/tidegate/cli"),
            ABOUT_COMMANDS,
            *command_sections("tidegate", typer.main.get_command(app)),
        ]
    )


def command_sections(name: str, command: Any) -> Iterator[str]:
    """
    Describe one command and those below it.

    Shape: full name, command (of the click inside Typer, whose types are not exported) -> blocks of Markdown.
    """
    context = typer.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield f"## {name}\n\n```text\n{usage}\n```"
    yield from filter(None, (plain(command.help), plain(command.epilog)))
    rows = [_parameter_row(each, context) for each in command.params if each.get_help_record(context)]
    if rows:
        yield table(("Argument or option", "Meaning"), rows)
    for below, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from command_sections(f"{name} {below}", each)


def _parameter_row(parameter: Any, context: typer.Context) -> tuple[str, str]:
    """Name and meaning of one argument or option; what click adds in brackets, such as defaults, stays."""
    names, meaning = parameter.get_help_record(context)
    written = parameter.help or ""
    return f"`{names}`", plain(written) + meaning.removeprefix(written)


def plain(text: str | None) -> str:
    """Take the terminal's markup out of a help text; square brackets that are no markup stay."""
    try:
        return Text.from_markup((text or "").replace("\b", "").strip()).plain
    except MarkupError:
        return (text or "").strip()


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "commands.md": commands_page,
}
"""File in docs/reference -> what makes its text."""


def main(arguments: list[str]) -> int:
    """Write the pages, or say which differ."""
    checking = arguments == ["--check"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    differing = []
    for name, made in PAGES.items():
        path, text = FOLDER / name, made() + "\n"
        if (path.read_text(encoding="utf-8") if path.exists() else "") == text:
            continue
        differing.append(name)
        if not checking:
            path.write_text(text, encoding="utf-8")
            print(f"docs: wrote {path.relative_to(FOLDER.parent.parent)}")
    if checking and differing:
        print(f"{', '.join(differing)} in docs/reference differ from the code; run `make docs`")
    return 1 if checking and differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
