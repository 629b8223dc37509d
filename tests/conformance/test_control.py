"""Every control store keeps the rules of docs/specs/control.md about its nouns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from tidegate.control import (
    accounts,
    audit,
    connect_tokens,
    destinations,
    discards,
    grant_changes,
    loads,
    setup,
    sources,
    tokens,
    usage,
)
from tidegate.control.accounts import Account
from tidegate.control.loads import LoadReport
from tidegate.control.schema_names import RULE
from tidegate.control.sources import Source
from tidegate.control.store import Store
from tidegate.errors import Conflict, InputInvalid, InvalidName, Unknown
from tidegate.tables.reports import Bookmark, SubtableReport

LONG_AGO = datetime(2020, 1, 2, 15, 49, 27, tzinfo=UTC)
DUCKDB = "duckdb:///folder/warehouse.duckdb"


@pytest.fixture
def source(store: Store, account: Account) -> Source:
    """A source of that account."""
    with store.writing() as conn:
        return sources.create(conn, account.client_id, "Web shop")


# --- Accounts -------------------------------------------------------------------------------------------


def test_client_ids_have_four_digits_and_grow(store: Store) -> None:
    """People are told to look for four to six digits, and no number is given twice. (C3)"""
    with store.writing() as conn:
        made = [accounts.create(conn, name) for name in ("a", "b", "c")]
    with store.reading() as conn:
        assert made == accounts.list_(conn)
    assert [1001, 1002, 1003] == [each.client_id for each in made]


# --- Sources --------------------------------------------------------------------------------------------


def test_a_source_is_read_as_it_was_made(store: Store, source: Source) -> None:
    """What `create` returns is what everybody reads, times included. (C4)"""
    with store.reading() as conn:
        assert source == sources.get(conn, source.id)
        assert [source] == sources.list_(conn, source.client_id)
    assert ("web_shop", True, None) == (source.schema_name, source.active, source.destination_id)
    assert timedelta(0) == source.created_at.utcoffset()


@pytest.mark.parametrize(
    ("name", "switch", "switched_on"),
    [
        pytest.param(
            "staged_versions", sources.stage_versions, sources.staged, id="keep versions apart, C34"
        ),
        pytest.param("append_only", sources.only_append, sources.appending, id="rows only added, C41"),
    ],
)
def test_a_source_can_be_loaded_otherwise(
    store: Store,
    source: Source,
    name: str,
    switch: Callable[[Connection, int, bool], Source],
    switched_on: Callable[[Connection], frozenset[int]],
) -> None:
    """Until it is told otherwise; others do as they did. (C34, C41)"""
    with store.writing() as conn:
        sources.create(conn, source.client_id, "Another")
        assert (False, frozenset()) == (getattr(source, name), switched_on(conn))
        assert getattr(switch(conn, source.id, True), name)
        assert {source.id} == switched_on(conn)
        switch(conn, source.id, False)
        assert frozenset() == switched_on(conn)


def test_what_waits_for_a_table_can_be_given_up(store: Store, source: Source) -> None:
    """Up to a position of one journal; a later one for the same table counts alone. (C35)"""
    with store.writing() as conn:
        before = grant_changes.number(conn)
        for table_name, upto in (("cars", 5), ("boats", 7), ("cars", 9)):
            discards.add(conn, source.id, table_name, "journal-1", upto)
        assert {source.id: {"cars": 9, "boats": 7}} == discards.of_journal(conn, "journal-1")
        assert {} == discards.of_journal(conn, "journal-2")
        assert before < grant_changes.number(conn)


def test_discards_are_bounded(store: Store, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go: they were done long ago. (C35)"""
    monkeypatch.setattr(discards, "TABLES_MAX", 3)
    with store.writing() as conn:
        for number in range(5):
            discards.add(conn, source.id, f"t{number}", "journal-1", number)
        assert 3 == len(discards.of_journal(conn, "journal-1")[source.id])


def test_renaming_changes_the_display_name_alone(store: Store, source: Source) -> None:
    """The schema holds the data, so its name never changes. (C4)"""
    with store.writing() as conn:
        renamed = sources.rename(conn, source.id, "Shop of the web")
        assert ("Shop of the web", "web_shop") == (renamed.display_name, renamed.schema_name)
        with pytest.raises(InvalidName, match=r"invalid display_name \( \)"):
            sources.rename(conn, source.id, " ")


@pytest.mark.parametrize(
    ("display_name", "schema_name", "text"),
    [
        ("####", None, r"invalid name after deriving it from display_name (#### -> )"),
        ("", None, "invalid display_name ()"),
        ("x" * 50, None, RULE),
        ("Shop", "My Shop", RULE),
    ],
)
def test_a_bad_name_is_refused_in_the_documented_words(
    store: Store, account: Account, display_name: str, schema_name: str | None, text: str
) -> None:
    """The Connect API passes these texts on as they are. (C6)"""
    with store.writing() as conn, pytest.raises(InvalidName) as caught:
        sources.create(conn, account.client_id, display_name, schema_name)
    assert text == str(caught.value)


@pytest.mark.parametrize(
    ("display_name", "schema_name", "text"),
    [
        ("Web shop!", None, "non-unique name after deriving it from display_name (Web shop! -> web_shop)"),
        ("web_shop", None, "non-unique name (web_shop)"),
        ("Another", "web_shop", "non-unique name (web_shop)"),
    ],
)
def test_a_schema_name_is_given_once(
    store: Store, source: Source, display_name: str, schema_name: str | None, text: str
) -> None:
    """Two sources of an account never share a schema; the refusal is the documented one. (C7)"""
    with store.writing() as conn, pytest.raises(Conflict) as caught:
        sources.create(conn, source.client_id, display_name, schema_name)
    assert text == str(caught.value)


def test_the_schema_name_of_a_deleted_source_is_free(store: Store, source: Source) -> None:
    """Deleting frees the name; the deleted source stays readable, and cannot be changed any more. (C7, C8)"""
    with store.writing() as conn:
        gone = sources.delete(conn, source.id)
        again = sources.create(conn, source.client_id, "Web shop")
        assert [again] == sources.list_(conn)
        assert [gone, again] == sources.list_(conn, deleted=True)
        assert gone == sources.get(conn, source.id)
        for change in (sources.delete, sources.pause, sources.resume, tokens.create, tokens.create_local):
            with pytest.raises(Unknown, match=rf"source not found \({source.id}\)"):
                change(conn, source.id)


def test_accounts_may_use_the_same_schema_name(store: Store, source: Source) -> None:
    """Names are unique within an account; another account's destinations are its own. (C7)"""
    with store.writing() as conn:
        other = accounts.create(conn, "Other")
        assert source.schema_name == sources.create(conn, other.client_id, "Web shop").schema_name


def test_any_time_of_pausing_pauses_now(store: Store, source: Source) -> None:
    """The time given is kept, even one that lies ahead, and the source is paused at once. (C8)"""
    ahead = LONG_AGO.replace(year=2999)
    with store.writing() as conn:
        paused = sources.pause(conn, source.id, ahead)
        assert (ahead, False) == (paused.paused_at, paused.active)
        assert sources.resume(conn, source.id).active


def test_a_source_is_found_by_id_or_schema_name(store: Store, source: Source) -> None:
    """People name a source by what they see; a name that two accounts have needs the id. (C8)"""
    with store.writing() as conn:
        assert source == sources.find(conn, str(source.id)) == sources.find(conn, "web_shop")
        for text in ("shop", "999", "٣", "9" * 30):
            with pytest.raises(Unknown):
                sources.find(conn, text)
        sources.create(conn, accounts.create(conn, "Other").client_id, "Web shop")
        with pytest.raises(Conflict, match="give its id"):
            sources.find(conn, "web_shop")


def test_nothing_of_another_account_is_found(store: Store, source: Source) -> None:
    """With an account given, everything of another one is as if there were none. (C21)"""
    with store.writing() as conn:
        other = accounts.create(conn, "Other")
        own = sources.create(conn, other.client_id, "Mine")
        foreign = destinations.create(conn, source.client_id, DUCKDB, "Foreign")
        token, _ = tokens.create(conn, source.id)
        with pytest.raises(Unknown):
            sources.get(conn, source.id, client_id=other.client_id)
        with pytest.raises(Unknown):
            destinations.get(conn, foreign.id, client_id=other.client_id)
        with pytest.raises(Unknown):
            sources.create(conn, other.client_id, "Thief", destination_id=foreign.id)
        for use in (tokens.get, tokens.revoke):
            with pytest.raises(Unknown):
                use(conn, token.id, source_id=own.id)
        assert [own] == sources.list_(conn, other.client_id)
        assert [] == destinations.list_(conn, other.client_id)
        assert [token] == tokens.list_(conn, source.id)


def test_nothing_is_made_for_an_account_that_does_not_exist(store: Store) -> None:
    """A wrong account is named, and no constraint of the database speaks to people. (C21)"""
    with store.writing() as conn:
        with pytest.raises(Unknown, match=r"account not found \(7\)"):
            sources.create(conn, 7, "Shop")
        with pytest.raises(Unknown, match=r"account not found \(7\)"):
            destinations.create(conn, 7, DUCKDB, "Warehouse")


# --- Access tokens --------------------------------------------------------------------------------------


def test_a_token_is_long_and_told_once(store: Store, source: Source) -> None:
    """A secret has 256 random bits behind `at_`; what can be read later holds its last four. (C9)"""
    with store.writing() as conn:
        token, secret = tokens.create(conn, source.id)
        assert token == tokens.get(conn, token.id, source_id=source.id)
    assert secret.startswith("at_")
    assert 43 == len(secret.removeprefix("at_"))
    assert secret[-4:] == token.last_four
    assert secret not in repr(token)


def test_a_third_token_is_refused_until_one_is_revoked(store: Store, source: Source) -> None:
    """At most two tokens of a source are active; local, revoked and expired ones do not count. (C10)"""
    with store.writing() as conn:
        tokens.create_local(conn, source.id)
        tokens.create(conn, source.id, expires_at=LONG_AGO)
        first, _ = tokens.create(conn, source.id)
        tokens.create(conn, source.id)
        text = rf"source \({source.id}\) already has the maximum of 2 active access tokens"
        with pytest.raises(Conflict, match=text):
            tokens.create(conn, source.id)
        tokens.revoke(conn, first.id)
        tokens.create(conn, source.id)
        assert 2 == len(tokens.list_(conn, source.id))


def test_the_newest_token_stands_first(store: Store, source: Source) -> None:
    """Ids only grow, so the larger is the newer, also after revoking; only active ones are listed. (C11)"""
    with store.writing() as conn:
        made = [tokens.create(conn, source.id)[0] for _ in range(2)]
        tokens.create_local(conn, source.id)
        assert made[::-1] == tokens.list_(conn, source.id)
        tokens.revoke(conn, made[1].id)
        newest, _ = tokens.create(conn, source.id)
        assert [newest, made[0]] == tokens.list_(conn, source.id)
        assert newest.id > made[1].id


def test_a_revoked_token_stays_revoked(store: Store, source: Source) -> None:
    """Revoking is final, changes the source's `updated_at`, and cannot be done twice. (C12)"""
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
        before = sources.get(conn, source.id).updated_at
        revoked = tokens.revoke(conn, token.id)
        assert before <= sources.get(conn, source.id).updated_at
        assert revoked == tokens.get(conn, token.id)
        assert revoked.revoked_at is not None
        for unknown in (token.id, 999):
            with pytest.raises(Unknown, match=rf"token not found \({unknown}\)"):
                tokens.revoke(conn, unknown)


def test_a_token_of_a_deleted_source_can_be_revoked(store: Store, source: Source) -> None:
    """Cleaning up works in any order. (C12)"""
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
        sources.delete(conn, source.id)
        assert tokens.revoke(conn, token.id).revoked_at is not None


def test_local_tokens_left_behind_are_removed(store: Store, source: Source) -> None:
    """A killed command's token ends by itself, and the next command takes it away. (C13)"""
    with store.writing() as conn:
        left, _ = tokens.create_local(conn, source.id, lifetime_s=-1)
        running, _ = tokens.create_local(conn, source.id)
        with pytest.raises(Unknown):
            tokens.get(conn, left.id)
        assert running == tokens.get(conn, running.id)
        assert running.expires_at is not None
        assert timedelta(minutes=10) == running.expires_at - running.created_at


# --- Connect API access tokens --------------------------------------------------------------------------


def test_a_connect_token_is_told_once_and_found_by_its_secret(store: Store, account: Account) -> None:
    """It has 256 random bits behind `ac_`, belongs to one account, and ends when it is revoked. (C22)"""
    with store.writing() as conn:
        token, secret = connect_tokens.create(conn, account.client_id, "deploy")
        assert (account.client_id, "deploy", secret[-4:]) == (
            token.client_id,
            token.description,
            token.last_four,
        )
        assert ("ac_", 46) == (secret[:3], len(secret))
        assert token == connect_tokens.find(conn, secret)
        assert secret not in repr(token)
        revoked = connect_tokens.revoke(conn, token.id)
        assert revoked.revoked_at is not None
        assert connect_tokens.find(conn, secret) is None
        with pytest.raises(Unknown):
            connect_tokens.revoke(conn, token.id)


def test_an_access_token_of_a_source_is_no_connect_token(store: Store, source: Source) -> None:
    """Who may push may not run the account. (C22)"""
    with store.writing() as conn:
        _, secret = tokens.create(conn, source.id)
        assert connect_tokens.find(conn, secret) is None


def test_an_eleventh_connect_token_is_refused_until_one_is_revoked(store: Store, account: Account) -> None:
    """An account has at most ten; another account's cannot be revoked. (C21, C22)"""
    with store.writing() as conn:
        made = [connect_tokens.create(conn, account.client_id)[0] for _ in range(10)]
        with pytest.raises(Conflict, match="already has 10"):
            connect_tokens.create(conn, account.client_id)
        other = accounts.create(conn, "Other")
        with pytest.raises(Unknown):
            connect_tokens.revoke(conn, made[0].id, client_id=other.client_id)
        connect_tokens.revoke(conn, made[0].id, client_id=account.client_id)
        connect_tokens.create(conn, account.client_id)
        assert [11, *range(10, 1, -1)] == [each.id for each in connect_tokens.list_(conn, account.client_id)]
        assert [] == connect_tokens.list_(conn, other.client_id)


# --- Destinations ---------------------------------------------------------------------------------------


def test_the_first_destination_is_the_default(store: Store, account: Account) -> None:
    """An account's sources load somewhere as soon as there is a destination. (C14, C17)"""
    with store.writing() as conn:
        with pytest.raises(Unknown, match="no destination yet"):
            destinations.default(conn, account.client_id)
        first = destinations.create(conn, account.client_id, DUCKDB, "First")
        second = destinations.create(conn, account.client_id, DUCKDB + "2", "Second")
        assert first == destinations.default(conn, account.client_id)
        assert [first, second] == destinations.list_(conn)
        assert [True, False] == [first.is_default, second.is_default]


def test_the_eleventh_destination_is_refused(store: Store, account: Account) -> None:
    """An account has at most ten, and is told so in the documented words. (C14)"""
    with store.writing() as conn:
        for number in range(10):
            destinations.create(conn, account.client_id, f"{DUCKDB}{number}", str(number))
        with pytest.raises(Conflict, match=r"^you are at your destination limit$"):
            destinations.create(conn, account.client_id, DUCKDB, "one more")


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (DUCKDB, DUCKDB, False),
        ("postgresql://a:x@host:5432/db", "postgresql://b:y@HOST:5432/db?sslmode=require", True),
    ],
)
def test_a_place_has_one_destination_of_an_account(
    store: Store, account: Account, first: str, second: str, shared: bool
) -> None:
    """A file has one in all; of a server nobody is told what others have there. (C21, C23)"""
    with store.writing() as conn:
        place = destinations.create(conn, account.client_id, first, "First").id
        other = accounts.create(conn, "Other").client_id
        for client_id in (account.client_id, other):
            if shared and client_id == other:
                continue
            with pytest.raises(Conflict, match="already is a destination at this place"):
                destinations.create(conn, client_id, second, "Second")
        destinations.change(conn, place, url=second, name="Changed", description="of the shop")
        changed = destinations.get(conn, place)
        assert second == destinations.full_url(conn, place)
        assert ("Changed", "of the shop") == (changed.name, changed.description)
        if not shared:
            destinations.delete(conn, place, client_id=account.client_id)
        destinations.create(conn, other, second, "Second")


def test_a_deleted_destinations_sources_go_to_the_next(store: Store, source: Source) -> None:
    """They are homeless until then, so that what they send is kept; its secrets are gone at once. (C24)"""
    with store.writing() as conn:
        assert destinations.homeless(conn)
        first = destinations.create(conn, source.client_id, "postgresql://a:x@host/db", "First")
        named = sources.create(conn, source.client_id, "Named", destination_id=first.id)
        assert not destinations.homeless(conn)
        destinations.delete(conn, first.id, client_id=source.client_id)
        assert destinations.homeless(conn)
        for gone in (destinations.get, destinations.full_url):
            with pytest.raises(Unknown):
                gone(conn, first.id)
        with pytest.raises(Unknown):
            destinations.delete(conn, first.id, client_id=source.client_id)
        destinations.note_failing(conn, first.id, "too late", 0)
        destinations.create(conn, source.client_id, DUCKDB, "Aside", adopts=False)
        assert destinations.homeless(conn)
        second = destinations.create(conn, source.client_id, DUCKDB + "2", "Second")
        assert not destinations.homeless(conn)
        assert second == destinations.default(conn, source.client_id)
        assert second.id == sources.get(conn, named.id).destination_id


@pytest.mark.parametrize(
    "url", [DUCKDB, "postgresql://user@host/db", "postgresql://user:s%40lt%2F@host:5/db?sslpassword=pepper"]
)
def test_an_address_comes_back_whole(store: Store, account: Account, url: str) -> None:
    """The loader gets the address as it was given, people see it without secrets. (C15)"""
    with store.writing() as conn:
        made = destinations.create(conn, account.client_id, url, "Warehouse")
    with store.reading() as conn:
        assert url == destinations.full_url(conn, made.id)
    assert not {"lt", "pepper"} & set(made.url.replace("@", ":").replace("=", ":").split(":"))


def test_failing_is_noted_once_and_keeps_its_beginning(store: Store, account: Account) -> None:
    """The note tells since when and why, is written only when it changes, and goes when loads work. (C16)"""
    with store.writing() as conn:
        url = "postgresql://user:salt@host/db"
        place = destinations.create(conn, account.client_id, url, "Warehouse").id
        destinations.note_failing(conn, place, "no route for user:salt", 1_577_980_167_000)
    version = store.version()
    with store.writing() as conn:
        destinations.note_failing(conn, place, "no route for user:salt", 1_600_000_000_000)
    assert version == store.version()
    with store.writing() as conn:
        destinations.note_failing(conn, place, "refused", 1_600_000_000_000)
        failing = destinations.get(conn, place)
    assert (LONG_AGO, "refused") == (failing.failing_since, failing.error)
    with store.writing() as conn:
        destinations.note_working(conn, place)
    version = store.version()
    with store.writing() as conn:
        destinations.note_working(conn, place)
        working = destinations.get(conn, place)
    assert (None, None, version) == (working.failing_since, working.error, store.version())


def test_an_error_is_kept_without_the_addresss_secrets(store: Store, account: Account) -> None:
    """Drivers repeat what they were given; what is kept for people does not. (C16)"""
    with store.writing() as conn:
        url = "postgresql://user:s%40lt@host/db"
        place = destinations.create(conn, account.client_id, url, "Warehouse").id
        destinations.note_failing(conn, place, f"cannot use {url}: s@lt is wrong", 0)
        expected = "cannot use postgresql://user:***@host/db: *** is wrong"
        assert expected == destinations.get(conn, place).error


# --- Load reports ---------------------------------------------------------------------------------------


def report(source: Source, table_name: str, number: int) -> LoadReport:
    """A report that can be told from others by its rows."""
    return LoadReport(
        source_id=source.id,
        destination_id=None,
        table_name=table_name,
        started_at=LONG_AGO,
        finished_at=LONG_AGO + timedelta(milliseconds=number),
        rows_loaded=number,
        rows_rejected=0,
        error=None if number % 2 else "refused",
    )


def test_the_newest_reports_come_first(store: Store, source: Source) -> None:
    """Reports come back as they were given, the newest first, of one source on request. (C20)"""
    reports = [report(source, "orders", number) for number in range(5)]
    with store.writing() as conn:
        loads.add(conn, reports[:2])
        loads.add(conn, reports[2:])
        loads.add(conn, [])
        assert reports[:1:-1] == loads.latest(conn, 3)
        assert reports[::-1] == loads.latest(conn, 9, source_id=source.id)
        assert [] == loads.latest(conn, 9, source_id=source.id + 1)


def test_a_report_comes_back_with_all_it_tells(store: Store, source: Source) -> None:
    """Bounds, versions, subtables and warnings, each as it was given. (C20)"""
    told = replace(
        report(source, "orders", 1),
        destination_table="Orders",
        table_version=2**40,
        activated=True,
        rows_outdated=3,
        key_names=("id", "b"),
        extracted_at_max="2026-01-13T11:00:00.000000001Z",
        bookmarks=(Bookmark(field="at", least="1", greatest="\N{SNOWMAN}"),),
        subtables=(SubtableReport(array="items", destination_table="Orders__items", rows=5),),
        warnings=("look",),
    )
    with store.writing() as conn:
        loads.add(conn, [told])
        assert [told] == loads.latest(conn, 9)
        assert {"orders": 1, "Orders__items": 5} == {
            each.table_name: each.rows_loaded for each in usage.list_(conn, since=LONG_AGO.date())
        }


def test_reports_of_one_table_are_found_among_others(store: Store, source: Source) -> None:
    """A busy table does not hide the reports of the one somebody asks about. (C20)"""
    seldom = report(source, "seldom", 0)
    with store.writing() as conn:
        loads.add(conn, [seldom, *(report(source, "often", number) for number in range(10))])
        assert [seldom] == loads.latest(conn, 2, table_name="seldom")


def test_pruning_is_bounded_and_spares_each_tables_newest(store: Store, source: Source) -> None:
    """Old reports go, but a table that is seldom loaded does not look as if it never was. (C20)"""
    with store.writing() as conn:
        loads.add(conn, [report(source, "seldom", 0), report(source, "seldom", 1)])
        loads.add(conn, [report(source, "often", number) for number in range(10)])
        assert 8 == loads.prune(conn, kept_max=3)
        left = [(each.table_name, each.rows_loaded) for each in loads.latest(conn, 99)]
        assert [("often", 9), ("often", 8), ("often", 7), ("seldom", 1)] == left
        assert 0 == loads.prune(conn, kept_max=3)


# --- Usage ----------------------------------------------------------------------------------------------


def test_rows_are_counted_by_source_table_and_day(store: Store, source: Source) -> None:
    """Loads add up to their UTC day; what loaded nothing makes no line; other sources stand apart. (C26)"""
    midnight = LONG_AGO.replace(hour=0, minute=0, second=0)
    ends = (midnight - timedelta(milliseconds=1), midnight, midnight + timedelta(hours=23))
    with store.writing() as conn:
        other = sources.create(conn, source.client_id, "Other")
        loads.add(conn, [replace(report(source, "orders", 1), finished_at=each) for each in ends])
        loads.add(conn, [replace(report(source, "orders", 5), finished_at=ends[1], rows_rejected=2)])
        loads.add(conn, [replace(report(other, "cars", 3), finished_at=ends[1]), report(other, "none", 0)])
        loads.prune(conn, kept_max=0)
        day = midnight.date()
        assert [
            (day, source.id, "orders", 7, 2),
            (day, other.id, "cars", 3, 0),
            (day - timedelta(days=1), source.id, "orders", 1, 0),
        ] == [
            (each.day, each.source_id, each.table_name, each.rows_loaded, each.rows_rejected)
            for each in usage.list_(conn, since=day - timedelta(days=1))
        ]
        assert ["cars"] == [each.table_name for each in usage.list_(conn, since=day, source_id=other.id)]


# --- The audit log --------------------------------------------------------------------------------------


def test_every_change_is_noted_with_who_made_it(store: Store) -> None:
    """What people and programs change is in the log, newest first; no secret is. (C25)"""
    url = "postgresql://user:sesame@host/db"
    with store.writing(actor="Ada") as conn:
        client_id = accounts.create(conn, "Shop").client_id
        place = destinations.create(conn, client_id, url, "Warehouse").id
        destinations.change(conn, place, name="Renamed")
        source_id = sources.create(conn, client_id, "Web shop").id
        for change in (sources.pause, sources.resume):
            change(conn, source_id)
        sources.rename(conn, source_id, "Shop")
        token, secret = tokens.create(conn, source_id)
        tokens.revoke(conn, token.id)
        tokens.create_local(conn, source_id)
        program, program_secret = connect_tokens.create(conn, client_id)
        connect_tokens.revoke(conn, program.id)
        sources.delete(conn, source_id)
        destinations.delete(conn, place, client_id=client_id)
        accounts.create(conn, "Other")
    with store.reading() as conn:
        found = audit.latest(conn, 99, client_id=client_id)
        assert ["account created"] == [each.action for each in audit.latest(conn, 1)]
    assert [
        "account created",
        "destination created",
        "destination changed",
        "source created",
        "source paused",
        "source resumed",
        "source renamed",
        "access token created",
        "access token revoked",
        "Connect API access token created",
        "Connect API access token revoked",
        "source deleted",
        "destination deleted",
    ] == [each.action for each in found][::-1]
    assert {"Ada"} == {each.actor for each in found}
    assert [] == [each for each in ("sesame", secret, program_secret) if each in str(found)]


def test_a_change_that_fails_is_not_noted(store: Store, source: Source) -> None:
    """Change and note are one transaction. (C25)"""
    with suppress(Unknown), store.writing() as conn:
        sources.pause(conn, source.id)
        sources.pause(conn, 999)
    with store.reading() as conn:
        assert ["source created", "account created"] == [each.action for each in audit.latest(conn, 9)]


def test_the_audit_log_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest changes go first. (C25)"""
    monkeypatch.setattr(audit, "KEPT_MAX", 3)
    with store.writing() as conn:
        for name in "abcde":
            accounts.create(conn, name)
        assert ["e", "d", "c"] == [each.subject for each in audit.latest(conn, 9)]


# --- The first start ------------------------------------------------------------------------------------


def test_the_first_start_makes_all_that_a_push_needs(store: Store) -> None:
    """One account, source, token and default destination; only the first caller is told the secret. (C19)"""
    first = setup.set_up(store, destination_url=DUCKDB)
    assert first is not None
    assert setup.set_up(store, destination_url=DUCKDB) is None
    with store.reading() as conn:
        source = sources.get(conn, first.source_id, client_id=first.client_id)
        assert ("Import API", "import_api") == (source.display_name, source.schema_name)
        assert DUCKDB == destinations.default(conn, first.client_id).url
        assert [first.secret[-4:]] == [each.last_four for each in tokens.list_(conn, source.id)]
    assert first.secret not in repr(first)


def test_a_first_start_that_fails_leaves_nothing(store: Store) -> None:
    """A wrong destination is corrected and the start repeated as if nothing had been. (C19)"""
    with suppress(InputInvalid):
        setup.set_up(store, destination_url="nonsense")
    with store.reading() as conn:
        assert [] == accounts.list_(conn)
    assert setup.set_up(store, destination_url=DUCKDB) is not None
