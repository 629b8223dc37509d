"""Schema names and shown addresses: what people type becomes a safe name, and secrets stay out of sight."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.control.schema_names import RESERVED, RULE, chosen, derive
from tidegate.control.sealing import scrubbed, shown
from tidegate.errors import InputInvalid, InvalidName

PART = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("display_name", "expected"),
    [
        ("Recurly Stitch", "recurly_stitch"),
        ("Customer Records", "customer_records"),
        ("test iapi", "test_iapi"),
        ("Import API tokens example", "import_api_tokens_example"),
        ("DISPLAY_NAME!!!", "display_name"),
        ("####", ""),
        ("Zürich  Börse\t2", "zurich_borse_2"),
        ("2024 Orders$", "_orders$"),
        ("$1 club", "_club"),
        ("a-b.c", "abc"),
        ("İstanbul", "istanbul"),
        ("漢字", ""),
        ("ﬁle №5", "file_no5"),
    ],
)
def test_a_display_name_gives_a_schema_name(display_name: str, expected: str) -> None:
    """The derivation follows its steps, on the documented examples and at its edges. (C5)"""
    assert expected == derive(display_name)


@given(st.text(max_size=80))
@example("_" * 49)
@example("_" * 50)
@example("pg_x")
def test_whatever_the_display_name_the_schema_name_fits_the_rule(display_name: str) -> None:
    """Each display name gives a name that fits the rule, or is refused with a documented text. (C5, C6)"""
    name, refusal = "", ""
    try:
        name = chosen(display_name, None)
    except InvalidName as exc:
        refusal = str(exc)
    fits = re.fullmatch(r"(?!pg_)[a-z_][a-z0-9_$]{0,48}", name) is not None and name not in RESERVED
    documented = re.fullmatch(
        r"(?s)invalid name after deriving.*|the schema .* is the warehouse's own.*", refusal
    )
    assert fits != (refusal == RULE or documented is not None)


@given(st.text(max_size=80))
def test_a_derived_name_derives_to_itself(display_name: str) -> None:
    """Typing the derived name as display name changes nothing. (C5)"""
    assert derive(display_name) == derive(derive(display_name))


@given(st.text(max_size=60) | st.from_regex(r"[a-z_][a-z0-9_$]{0,60}", fullmatch=True))
def test_a_given_schema_name_is_taken_as_it_is_or_refused(schema_name: str) -> None:
    """A schema name that was typed is never changed. (C6)"""
    with suppress(InvalidName):
        assert schema_name == chosen("Anything", schema_name)


@pytest.mark.parametrize("schema_name", ["", "Shop", "1shop", "$shop", "my shop", "shop\n", "é", "a" * 50])
def test_a_schema_name_outside_the_rule_is_refused_with_the_rule(schema_name: str) -> None:
    """The refusal is the documented sentence. (C6)"""
    with pytest.raises(InvalidName, match=f"^{re.escape(RULE)}$"):
        chosen("Shop", schema_name)


@pytest.mark.parametrize("schema_name", ["_tidegate", "information_schema", "pg_catalog", "pg_mine"])
def test_the_warehouses_own_schemas_are_not_given_away(schema_name: str) -> None:
    """No source can write into the bookkeeping or the catalogue of a warehouse. (C6)"""
    with pytest.raises(InvalidName, match="own"):
        chosen("Shop", schema_name)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("duckdb:///folder/w.duckdb", "duckdb:///folder/w.duckdb"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user:word@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:a%40b@host/db?sslmode=require", "postgresql://user:***@host/db?***"),
        ("duckdb:///w.duckdb?token=t", "duckdb:///w.duckdb?***"),
        ("duckdb:///w.duckdb#t", "duckdb:///w.duckdb?***"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, expected: str) -> None:
    """What people and logs see of an address has neither password nor option values. (C15)"""
    assert expected == shown(url)


@given(PART, PART, PART)
def test_no_secret_of_an_address_is_shown_or_repeated(user: str, password: str, token: str) -> None:
    """Neither the shown address nor a driver's message that repeats it holds the secrets. (C15, C16)"""
    url = f"postgresql://{user}:%40{password}%40@host.example/db?token={token}%2B"
    repeated = scrubbed(f"cannot reach {url} as @{password}@ with {token}+", url)
    assert f"postgresql://{user}:***@host.example/db?***" == shown(url)
    assert f"@{password}@" not in repeated
    assert f"{token}+" not in repeated


@pytest.mark.parametrize(
    "url",
    [
        "",
        "w.duckdb",
        "host/db",
        "postgresql://u:pa/ss@host/db",
        "postgresql://u:p@ss@host/db",
        "postgresql://u:1/ss@host/db",
        "x://[1/",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    """A mistyped address may hold a password anywhere, so the refusal tells none of it. (C15)"""
    with pytest.raises(InputInvalid) as caught:
        shown(url)
    assert "ss" not in str(caught.value).replace("password", "").replace("address", "")
