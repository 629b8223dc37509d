"""Names of tables and columns. Rules L1 to L9 of docs/specs/loading.md."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import DUCKDB_LIKE, arrival, prepared, rejections, rows_of
from tidegate.tables.model import CreateTable
from tidegate.tables.naming import Name, canonical, name_column, name_table

CASE_SENSITIVE = replace(DUCKDB_LIKE, names_case_sensitive=True)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("CuStOmErId", "CuStOmErId"),
        ("customerID", "customerID"),
        ("customer id", "customer id"),
        ("CUSTOMER ID", "CUSTOMER ID"),
        ("!customerid", "customerid"),
        ("customer!id", "customerid"),
        ("customer#id", "customerid"),
        ("CUSTOMER! ID", "CUSTOMER ID"),
        ("!CuStoMeRId", "CuStoMeRId"),
        ("123customerid", "customerid"),
        ("4customerid", "customerid"),
        ("_customerid", "_customerid"),
        ("_987CUSTOMERID", "_987CUSTOMERID"),
        (" 9 spaced ", "spaced"),
        ("größe", "gre"),
        ("naïve\u0000\n", "nave"),
        ("日本", ""),
    ],
)
def test_a_name_keeps_what_every_warehouse_can_keep(field: str, column: str) -> None:
    """ASCII letters, digits, underscore and space stay; names begin with a letter or underscore. (L1)"""
    assert column == canonical(field)


@given(st.text())
def test_naming_a_name_changes_nothing_more(field: str) -> None:
    """A column's own name leads to that column. (L1)"""
    assert canonical(field) == canonical(canonical(field))


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("_sdc_things", "table names from client should not include reserved prefix on _sdc_things"),
        ("_RJM_x", "table names from client should not include reserved prefix on _RJM_x"),
        ("!_SDC", "table names from client should not include reserved prefix on !_SDC"),
        ("t" * 256, f"Table name {'t' * 256} is too long for DuckDB"),
        ("日本", "Table name 日本 is empty after removing unsupported characters"),
    ],
)
def test_an_unusable_table_name_rejects_all_its_records(sent: str, reason: str) -> None:
    """Records for a table that cannot be are kept with the documented reason, and others load. (L2)"""
    load = prepared(arrival({"id": 1}, {"id": 2}, table_name=sent), arrival({"id": 3}))
    assert [(reason, '{"id":1}'), (reason, '{"id":2}')] == rejections(load)
    assert [{"id": 3}] == rows_of(load)


def test_the_longest_table_name_is_taken() -> None:
    """The limit itself is within the limit. (L2)"""
    assert Name(text="t" * 255) == name_table("t" * 255, DUCKDB_LIKE)


def test_lengths_count_bytes_where_the_warehouse_does() -> None:
    """A limit in bytes bounds the name's UTF-8, which for names of ASCII is its characters. (L2)"""
    in_bytes = replace(DUCKDB_LIKE, names_in_bytes=True, column_name_max=59)
    assert Name(text="c" * 59) == name_column("c" * 59, in_bytes)
    assert name_column("c" * 60, in_bytes).droppable


def test_two_names_of_one_table_fill_it_together_with_a_warning() -> None:
    """Two spellings with equal keys are one table, and people are told. (L3)"""
    load = prepared(arrival({"id": 1}, table_name="cars!"), arrival({"id": 2}, table_name="Cars", position=2))
    assert [{"id": 1}, {"id": 2}] == rows_of(load)
    assert [("cars!, Cars are one table in the warehouse, cars",)] == [each.warnings for each in load.reports]


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("日本", "Column name 日本 is empty after removing unsupported characters"),
        ("_sdc_sequence", "column names from client should not include reserved prefix on _sdc_sequence"),
        ("_SDC_new", "column names from client should not include reserved prefix on _SDC_new"),
        ("!_rjm", "column names from client should not include reserved prefix on _rjm"),
        (
            "__sdc_primary_key",
            "column names from client should not include reserved prefix on __sdc_primary_key",
        ),
        ("a__bi", "column names from client should not include reserved datatype suffix on a__bi"),
        ("a__IT", "column names from client should not include reserved datatype suffix on a__IT"),
        ("a__st!", "column names from client should not include reserved datatype suffix on a__st"),
    ],
)
def test_a_value_under_an_unusable_name_rejects_its_record(field: str, reason: str) -> None:
    """Reserved and empty names have the documented words; nulls under them are nothing. (L4 to L6, L9)"""
    load = prepared(arrival({"id": 1, field: "x"}, {"id": 2, field: None}))
    assert [reason] == [each for each, _ in rejections(load)]
    assert [{"id": 2}] == rows_of(load)


@pytest.mark.parametrize(
    "field", ["_sdc_deleted_at", "_sdc_extra", "_sdc_report_datetime", "a__xx", "bi", "a_bi"]
)
def test_names_that_only_look_reserved_are_ordinary_columns(field: str) -> None:
    """Singer taps' own names and harmless endings pass. (L5, L6)"""
    assert Name(text=field) == name_column(field, DUCKDB_LIKE)


def test_a_record_loads_without_a_column_whose_name_is_too_long() -> None:
    """The rest of the record loads, and the record stands in the rejected ones beside. (L7)"""
    field = "c" * 256
    load = prepared(arrival({"id": 1, field: "x"}, {"id": 2}))
    assert [{"id": 1}, {"id": 2}] == rows_of(load)
    assert [f"Column name {field} is too long for DuckDB"] == [reason for reason, _ in rejections(load)]


def test_a_key_whose_name_is_too_long_rejects_its_record() -> None:
    """Without its key a record has no place. (L7)"""
    field = "c" * 256
    load = prepared(arrival({field: 1, "a": 2}, keys=(field,)))
    assert [] == rows_of(load)
    assert [f"Column name {field} is too long for DuckDB"] == [reason for reason, _ in rejections(load)]


def test_two_fields_of_one_record_for_one_column_collide() -> None:
    """Also when one of them is null; other records are not touched. (L8)"""
    load = prepared(arrival({"id": 1, "a": 1, "a!": 2}, {"id": 2, "a": None, "A": 3}, {"id": 3, "a": 4}))
    assert ["Field collision on a", "Field collision on a"] == [reason for reason, _ in rejections(load)]
    assert [{"id": 3, "a": 4}] == rows_of(load)


def test_different_records_may_spell_a_column_differently() -> None:
    """They share the column, under its first spelling. (L8)"""
    load = prepared(arrival({"id": 1, "Name": "x"}, {"ID": 2, "NAME": "y"}, {"id": 3, "name!": "z"}))
    assert [{"id": 1, "Name": "x"}, {"id": 2, "Name": "y"}, {"id": 3, "Name": "z"}] == rows_of(load)


def test_another_spelling_goes_to_the_column_that_is_there() -> None:
    """The warehouse's spelling stays. (L8)"""
    first = prepared(arrival({"id": 1, "Name": "x"}))
    tables = [change.table for change in first.changes if isinstance(change, CreateTable)]
    later = prepared(arrival({"id": 2, "NAME": "y"}), tables=tables)
    assert [] == list(later.changes)
    assert [{"id": 2, "Name": "y"}] == rows_of(later)


def test_where_case_counts_id_and_upper_case_id_are_two_columns() -> None:
    """PostgreSQL tells them apart, so nothing collides. (L8)"""
    load = prepared(arrival({"id": 1, "ID": 2}), capabilities=CASE_SENSITIVE)
    assert [{"id": 1, "ID": 2}] == rows_of(load)
