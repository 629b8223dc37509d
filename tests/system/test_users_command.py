"""`tidegate users`, `accounts`, `tokens import` and `audit` as an operator uses them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run
from tests.product import TIDEGATE, set_up_unserved
from tidegate.control import signing_in
from tidegate.control.store import Store
from tidegate.errors import SignInRefused

GIVEN = "a phrase that is long enough"


@pytest.fixture
def folder(tmp_path: Path, exercised: Callable[[str], None]) -> Path:
    """A data folder that was set up."""
    exercised("commands: users, accounts, tokens import, audit")
    return set_up_unserved(tmp_path / "data").data_dir


def told(folder: Path, *command: str, given: str = "") -> Any:
    """Run a command that must succeed and return what it says to machines."""
    code, said = run(folder, (*command, "--json"), given)
    assert 0 == code, said
    return json.loads(said)


def signs_in(folder: Path, email: str, password: str) -> bool:
    """Whether somebody can sign in like this."""
    store = Store.open(folder / "control.db")
    try:
        signing_in.sign_in(store, email, password)
    except SignInRefused:
        return False
    finally:
        store.close()
    return True


def test_a_user_is_made_with_a_password_that_is_shown_once(folder: Path) -> None:
    """What is printed signs in, and is never printed again; the first users are told apart. (C28, C29)"""
    made = told(folder, "users", "create", "Ada@Example.com")
    assert ("ada@example.com", "member", 1001) == (made["email"], made["role"], made["client_id"])
    assert signs_in(folder, "ada@example.com", made["password"])
    listed = run(folder, ("users", "list"))[1] + run(folder, ("users", "list", "--json"))[1]
    assert made["password"] not in listed
    assert [("owner@localhost", "owner"), ("ada@example.com", "member")] == [
        (each["email"], each["role"]) for each in told(folder, "users", "list")
    ]


def test_a_password_is_read_from_standard_input(folder: Path) -> None:
    """A password that somebody chose is in no list of processes, and is not printed. (C29)"""
    said = told(folder, "users", "create", "ada@x", "--password-stdin", given=GIVEN + "\n")
    assert "password" not in said
    assert signs_in(folder, "ada@x", GIVEN)
    changed = told(folder, "users", "set-password", "ada@x")
    assert not signs_in(folder, "ada@x", GIVEN)
    assert signs_in(folder, "ada@x", changed["password"])
    assert 2 == run(folder, ("users", "set-password", "ada@x", "--password-stdin"), "short\n")[0]
    assert 2 == run(folder, ("users", "set-password", "ada@x", "--password-stdin"))[0]


def test_roles_and_accounts_change(folder: Path) -> None:
    """A user may be in two accounts with a role in each; which is meant must be clear. (C28)"""
    other = told(folder, "accounts", "create", "Branch")["client_id"]
    password = told(folder, "users", "create", "ada@x", "--account", "1001")["password"]
    told(folder, "users", "add", "ada@x", "--account", str(other), "--role", "owner")
    code, said = run(folder, ("users", "set-role", "ada@x", "read-only"))
    assert (2, True) == (code, "1001, 1002" in said)
    assert "read-only" == told(folder, "users", "set-role", "ada@x", "read-only", "--account", "1001")["role"]
    code, said = run(folder, ("users", "set-password", "ada@x", "--account", "1001"))
    assert (4, True) == (code, "in other accounts" in said)
    told(folder, "users", "remove", "ada@x", "--account", "1001")
    assert signs_in(folder, "ada@x", password)
    code, said = run(folder, ("users", "remove", "ada@x"))
    assert (4, True) == (code, "must have an owner" in said)


def test_a_disabled_user_is_let_in_nowhere(folder: Path) -> None:
    """Until they are enabled; an account's only owner stays. (C28, C29)"""
    password = told(folder, "users", "create", "ada@x")["password"]
    told(folder, "users", "disable", "ada@x")
    assert not signs_in(folder, "ada@x", password)
    assert "disabled" in run(folder, ("users", "list"))[1]
    told(folder, "users", "enable", "ada@x")
    assert signs_in(folder, "ada@x", password)
    assert 4 == run(folder, ("users", "disable", "owner@localhost"))[0]


def test_the_audit_log_tells_who_did_it(folder: Path) -> None:
    """Commands are noted with the name of who ran them, and what was looked for is found. (C25)"""
    told(folder, "accounts", "rename", "1001", "Head office")
    told(folder, "users", "create", "ada@x")
    found = told(folder, "audit", "--who", "command by", "--since", "2020-01-01")
    assert ["user created", "account renamed"] == [each["action"] for each in found]
    assert ["account renamed"] == [each["action"] for each in told(folder, "audit", "--what", "head OFFICE")]
    assert [] == told(folder, "audit", "--since", "9999-12-31T23:59+00:00")
    for wrong in ("yesterday", "2026-13-01", "0001-01-01T00:00+23:59"):
        assert 2 == run(folder, ("audit", "--since", wrong))[0]


def test_a_value_is_imported_from_a_file_or_standard_input(folder: Path) -> None:
    """Never from an argument; the file's line end is not part of it. (C32)"""
    value = "an-older-token-of-many-characters"
    file = folder / "token.txt"
    file.write_bytes(value.encode() + b"\r\n")
    made = told(folder, "tokens", "import", "--file", str(file), "--expires-in-days", "9")
    assert (value[-4:], 1001, True) == (made["last_four"], made["client_id"], made["expires_at"] is not None)
    for source in ("--file", str(folder / "nothing")), ("--file", str(folder)):
        code, said = run(folder, ("tokens", "import", *source))
        assert (2, True) == (code, "cannot be read" in said)
    assert 2 == run(folder, ("tokens", "import"), "z\u00fcrich-z\u00fcrich-z\u00fcrich\n")[0]
    assert 2 == run(folder, ("tokens", "import"), "x" * 100_000)[0]


@pytest.mark.parametrize(
    "command",
    [
        ("accounts", "create", "x" * 10_000),
        ("accounts", "rename", "1001", "two\nlines"),
        ("sources", "rename", "import_api", "x" * 10_000),
        ("connect-tokens", "create", "--description", "x" * 10_000),
        ("users", "create", "x" * 10_000 + "@x"),
        ("tokens", "create", "--region", "x" * 10_000),
        ("tokens", "revoke", "9" * 30),
        ("tokens", "list", "9" * 30),
        ("connect-tokens", "revoke", "0"),
        ("sources", "list", "--account", "9" * 30),
        ("accounts", "rename", "-1", "Name"),
        ("users", "set-role", "owner@localhost", "king"),
    ],
)
def test_what_is_out_of_bounds_is_refused(folder: Path, command: tuple[str, ...]) -> None:
    """Long names, broken lines and ids that nobody has end in a short refusal, never in a traceback. (C33)"""
    code, said = run(folder, command)
    assert code in {2, 4}
    assert len(said) < 2_000


def test_broken_characters_are_refused_in_a_terminal(folder: Path) -> None:
    """Bytes that are no text, as a terminal may pass them on, are refused to people and machines. (C33)"""
    for more in ((), ("--json",)):
        done = subprocess.run(
            [*TIDEGATE, "sources", "create", b"\xff\xfe", *more, "--data-dir", str(folder)],
            capture_output=True,
            check=False,
        )
        assert (4, False) == (done.returncode, b"Traceback" in done.stdout + done.stderr)
