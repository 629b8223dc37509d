"""How the generated pages are made. That they are up to date is a check of its own (`make check`)."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
import typer.main

from tidegate.errors import TidegateError
from tidegate.settings import options
from tools.reference import (
    command_sections,
    errors_page,
    families_of_errors,
    first_paragraph,
    plain,
    settings_page,
    table,
    with_subclasses,
)

APP = typer.Typer(add_completion=False, help="The [bold]whole[/].")


@APP.command("push")
def push(
    file: Annotated[str, typer.Argument(help="What to send.")],
    key: Annotated[list[str] | None, typer.Option("--key", "-k", help="A | key.")] = None,
    wait: Annotated[int, typer.Option(help="How long.", min=1, max=9)] = 5,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Send a file."""


@APP.command("secret", hidden=True)
def secret() -> None:
    """Not shown."""


def test_every_setting_is_on_its_page() -> None:
    """Nobody has to read the source to learn of a setting."""
    page = settings_page()
    assert [] == [name for name in options() if f"| `{name}` |" not in page]


def test_every_error_code_is_on_its_page() -> None:
    """Nobody has to read the source to learn what a code means."""
    page = errors_page()
    codes = {each.code for family in families_of_errors() for each in with_subclasses(family)}
    assert set() == {code for code in codes if f"| `{code}` |" not in page}


def test_error_codes_are_used_once() -> None:
    """A code names one failure, so a script may act on it."""
    codes = [each.code for each in with_subclasses(TidegateError)]
    assert len(codes) == len(set(codes))


def test_commands_are_described_with_arguments_and_options() -> None:
    """Names, spellings, defaults and help texts of a command all appear; hidden commands do not."""
    text = "\n".join(command_sections("tidegate", typer.main.get_command(APP)))
    assert "The whole." in text
    assert "tidegate push [OPTIONS] {file}" in text
    assert "| `file <str>` | What to send. [required] |" in text
    assert "| `-k, --key <list[str]>` | A \\| key. |" in text
    assert "| `--wait <int range>` | How long. [default: 5; 1<=x<=9] |" in text
    assert "| `--json` | For machines. |" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [(None, ""), ("One.", "One."), ("\n    Two\n    lines.\n\n    More.\n    ", "Two lines.")],
)
def test_the_promise_of_a_docstring_is_its_first_paragraph(docstring: str | None, expected: str) -> None:
    """However a docstring is broken into lines, its promise stands on one."""
    assert expected == first_paragraph(docstring)


def test_a_table_cell_stays_in_its_cell() -> None:
    """Bars and line ends in a text do not break the table."""
    assert "| A |\n| --- |\n| x \\| y z |" == table(["A"], [["x | y\nz"]])


def test_help_texts_lose_their_markup_only() -> None:
    """Square brackets that are no markup stay."""
    assert "a b [/x" == plain("[bold]a[/] b \\[/x")
