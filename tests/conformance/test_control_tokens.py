"""Imported values, last use, disabled and read-only tokens, and who changed what, on every control store."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import wait_until
from tidegate.control import accounts, audit, connect_tokens, grant_changes, sources, tokens, uses
from tidegate.control.accounts import Account
from tidegate.control.grants import Grants
from tidegate.control.names import is_name
from tidegate.control.roles import Role
from tidegate.control.schema import from_ms, now
from tidegate.control.sources import Source
from tidegate.control.store import Store
from tidegate.control.uses import MINUTE_MS, Uses
from tidegate.errors import Conflict, InputInvalid, InvalidName, Unknown

NOW_MS = 1_800_000_030_000
MINUTE = from_ms(NOW_MS // MINUTE_MS * MINUTE_MS)
VALUE = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def source(store: Store, account: Account) -> Source:
    """A source of that account."""
    with store.writing() as conn:
        return sources.create(conn, account.client_id, "Web shop")


# --- Import -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [VALUE, "!" * 20, "~" * 200, "two words of twenty", "a" + " b" * 50])
def test_an_imported_value_opens_its_source(store: Store, source: Source, value: str) -> None:
    """Senders keep what they have; the store keeps no more of it than of its own. (C32)"""
    value = value.ljust(20, "x")
    with store.writing() as conn:
        token = tokens.import_(conn, source.id, value)
        assert [token] == tokens.list_(conn, source.id)
    assert (value[-4:], tokens.Kind.IMPORT) == (token.last_four, token.kind)
    assert value not in repr(token)
    grant = Grants(store).find(value, NOW_MS)
    assert grant is not None
    assert source.id == grant.source_id


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 19,
        "x" * 201,
        " " + VALUE,
        VALUE + " ",
        VALUE + "\n",
        "tab\tin between words",
        "z\u00fcrich-zuerich-zuerich",
        "\ud800" * 20,
        "ac_" + VALUE,
        "se_" + VALUE,
    ],
)
def test_what_no_header_carries_whole_is_not_imported(store: Store, source: Source, value: str) -> None:
    """Nor what opens another interface; the refusal does not repeat it. (C32)"""
    with store.writing() as conn, pytest.raises(InputInvalid) as caught:
        tokens.import_(conn, source.id, value)
    assert not value or value not in str(caught.value)


def test_a_value_in_use_is_refused_without_telling_whose(store: Store, source: Source) -> None:
    """Also one that was revoked, which would come to life again, and one of another account. (C32)"""
    with store.writing() as conn:
        other = sources.create(conn, accounts.create(conn, "Other").client_id, "Secret name")
        tokens.revoke(conn, tokens.import_(conn, other.id, VALUE).id)
        _, made = tokens.create(conn, other.id)
        texts = set()
        for value in (VALUE, made):
            with pytest.raises(Conflict) as caught:
                tokens.import_(conn, source.id, value)
            texts.add(str(caught.value))
    assert {"this value is or was in use as a token; create a new one"} == texts


def test_an_imported_token_counts_like_any_other(store: Store, source: Source) -> None:
    """Two at most, and it can expire and be revoked. (C10, C32)"""
    with store.writing() as conn:
        tokens.create(conn, source.id)
        token = tokens.import_(conn, source.id, VALUE, expires_at=now() + timedelta(days=1), region="eu")
        assert ("eu", True) == (token.region, token.expires_at is not None)
        with pytest.raises(Conflict, match="maximum of 2"):
            tokens.import_(conn, source.id, VALUE + "x")
        tokens.revoke(conn, token.id, client_id=source.client_id)
        assert ["access token imported", "access token revoked"] == [
            each.action for each in audit.latest(conn, 9) if "...4567" in each.subject
        ][::-1]
    assert Grants(store).find(VALUE, NOW_MS) is None


def test_a_foreign_token_is_not_revoked(store: Store, source: Source) -> None:
    """With an account given, another one's token is unknown. (C21)"""
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
        other = accounts.create(conn, "Other").client_id
        with pytest.raises(Unknown):
            tokens.revoke(conn, token.id, client_id=other)
        assert [token] == tokens.list_(conn, source.id)


@pytest.mark.parametrize("region", ["", "x" * 65, "e u", "eu\n", "\u00e9u"])
def test_a_region_is_a_code(store: Store, source: Source, region: str) -> None:
    """What is no code is refused before a database has to. (C9)"""
    with store.writing() as conn, pytest.raises(InputInvalid):
        tokens.create(conn, source.id, region=region)


# --- Last use ---------------------------------------------------------------------------------------------


def last_uses(store: Store, source: Source) -> list[object]:
    """When each token of a source was last used, the newest token first."""
    with store.reading() as conn:
        return [each.last_used_at for each in tokens.list_(conn, source.id)]


def test_a_use_is_written_to_the_minute_and_once_a_minute(store: Store, source: Source) -> None:
    """Many requests are one write, and none makes a gate read its tokens again. (C31)"""
    with store.writing() as conn:
        tokens.create(conn, source.id)
        token, _ = tokens.create(conn, source.id)
        before = grant_changes.number(conn)
    seen = Uses(store)
    seen.note(token.id, NOW_MS)
    assert [None, None] == last_uses(store, source)
    seen.write()
    assert [MINUTE, None] == last_uses(store, source)
    version = store.version()
    for later_ms in range(0, 30_000, 1_000):
        seen.note(token.id, NOW_MS + later_ms - 30_000)
        seen.write()
    assert version == store.version()
    seen.note(token.id, NOW_MS + MINUTE_MS)
    seen.write()
    assert [MINUTE + timedelta(minutes=1), None] == last_uses(store, source)
    with store.reading() as conn:
        assert before == grant_changes.number(conn)


def test_what_is_remembered_of_uses_is_bounded(store: Store, source: Source) -> None:
    """A gate keeps nothing of tokens that nobody uses any more, and writes again when somebody does. (C31)"""
    with store.writing() as conn:
        first, second = (tokens.create(conn, source.id)[0].id for _ in range(2))
    seen = Uses(store)
    for minute, token_id in enumerate((first, second, first)):
        seen.note(token_id, NOW_MS + minute * MINUTE_MS)
        seen.write()
        assert 1 == len(seen._noted) == len(seen._written)
    assert [MINUTE + timedelta(minutes=1), MINUTE + timedelta(minutes=2)] == last_uses(store, source)


def test_an_older_use_never_replaces_a_newer_one(store: Store, source: Source) -> None:
    """Several gates write in any order. (C31)"""
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
    for at_ms in (NOW_MS, NOW_MS - 10 * MINUTE_MS):
        seen = Uses(store)
        seen.note(token.id, at_ms)
        seen.write()
    assert [MINUTE] == last_uses(store, source)


def test_what_is_noted_is_written_by_itself_and_at_the_end(
    store: Store, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a write, and stopping loses nothing. (C31)"""
    monkeypatch.setattr(uses, "WRITE_WAIT_S", 0.01)
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
        program, _ = connect_tokens.create(conn, source.client_id)
    seen = Uses(store).start()
    seen.note(token.id, NOW_MS)
    wait_until(lambda: [MINUTE] == last_uses(store, source), what="the first use")
    monkeypatch.setattr(uses, "WRITE_WAIT_S", 3_600.0)
    seen.note_connect(program.id, NOW_MS)
    seen.close()
    seen.close()
    with store.reading() as conn:
        assert [MINUTE] == [each.last_used_at for each in connect_tokens.list_(conn)]


def test_a_store_that_is_away_is_tried_again(store: Store, source: Source) -> None:
    """A use that could not be written is written later. (C31)"""
    with store.writing() as conn:
        token, _ = tokens.create(conn, source.id)
        conn.exec_driver_sql("ALTER TABLE tokens RENAME TO away")
    seen = Uses(store)
    seen.note(token.id, NOW_MS)
    seen.close()
    with store.writing() as conn:
        conn.exec_driver_sql("ALTER TABLE away RENAME TO tokens")
    seen.write()
    assert [MINUTE] == last_uses(store, source)


def test_noting_from_many_threads_loses_no_token(store: Store, source: Source) -> None:
    """Requests note while the writer writes. (C31)"""
    with store.writing() as conn:
        made = [tokens.create_local(conn, source.id)[0].id for _ in range(20)]
    seen = Uses(store)

    def note(part: list[int]) -> None:
        for each in part:
            seen.note(each, NOW_MS)

    threads = [threading.Thread(target=note, args=(part,)) for part in (made[:10], made[10:])]
    for each in threads:
        each.start()
    seen.write()
    for each in threads:
        each.join()
    seen.write()
    with store.reading() as conn:
        assert {MINUTE} == {tokens.get(conn, each).last_used_at for each in made}


# --- Connect API access tokens ----------------------------------------------------------------------------


def test_a_disabled_connect_token_opens_nothing_until_it_is_enabled(store: Store, source: Source) -> None:
    """It stays listed and counted; another account cannot touch it. (C21, C22)"""
    with store.writing(actor="Ada") as conn:
        token, secret = connect_tokens.create(conn, source.client_id, "deploy", role=Role.READ_ONLY)
        assert ("Ada", Role.READ_ONLY, "deploy") == (token.created_by, token.role, token.description)
        disabled = connect_tokens.disable(conn, token.id)
        assert disabled.disabled_at is not None
        assert connect_tokens.find(conn, secret) is None
        assert [disabled] == connect_tokens.list_(conn, source.client_id)
        other = accounts.create(conn, "Other").client_id
        for change in (connect_tokens.enable, connect_tokens.disable, connect_tokens.revoke):
            with pytest.raises(Unknown):
                change(conn, token.id, client_id=other)
        assert token == connect_tokens.enable(conn, token.id, client_id=source.client_id)
        assert token == connect_tokens.find(conn, secret)
        for _ in range(9):
            connect_tokens.disable(conn, connect_tokens.create(conn, source.client_id)[0].id)
        with pytest.raises(Conflict, match="already has 10"):
            connect_tokens.create(conn, source.client_id)
        noted = [each.action for each in audit.latest(conn, 99, what=f"{token.id} (...{token.last_four})")]
    assert ["created", "disabled", "enabled"] == [each.rpartition(" ")[2] for each in noted][::-1]


def test_a_connect_token_is_no_owner(store: Store, source: Source) -> None:
    """Programs manage neither users nor tokens like themselves. (C22, C28)"""
    with store.writing() as conn, pytest.raises(InputInvalid):
        connect_tokens.create(conn, source.client_id, role=Role.OWNER)


# --- Names ------------------------------------------------------------------------------------------------

BAD_NAMES = ["x" * 256, "two\nlines", "nul\0", "\ud800", "turned \u202e round", "\u2028", "bell\a"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_is_one_line_within_bounds(store: Store, source: Source, name: str) -> None:
    """What would break a list or a log line, or fill it, is refused everywhere. (C33)"""
    with store.writing() as conn:
        for change in (
            lambda: accounts.create(conn, name),
            lambda: accounts.rename(conn, source.client_id, name),
            lambda: connect_tokens.create(conn, source.client_id, name),
            lambda: sources.rename(conn, source.id, name),
            lambda: sources.create(conn, source.client_id, name, "other"),
        ):
            with pytest.raises((InputInvalid, InvalidName)) as caught:
                change()
            str(caught.value).encode()
            assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "name",
    [
        "Z\u00fcrich",
        "Zu\u0308rich",
        "\u0441\u043effee",
        "\u6771\u4eac",
        "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        "x" * 255,
    ],
)
def test_a_name_is_kept_as_it_was_sent(store: Store, source: Source, name: str) -> None:
    """Names that look alike, or are the same in other characters, are two names, and name nothing. (C33)"""
    with store.writing() as conn:
        assert name == accounts.rename(conn, source.client_id, name).name
        assert name == accounts.get(conn, source.client_id).name
        assert name == sources.rename(conn, source.id, name).display_name
        assert [name] * 2 == [accounts.create(conn, name).name for _ in range(2)]


@given(st.text())
def test_whatever_is_a_name_can_be_printed(text: str) -> None:
    """A name that passed never breaks a line or an encoding. (C33)"""
    if is_name(text):
        assert [text] == text.splitlines()
        text.encode()


# --- The audit log ----------------------------------------------------------------------------------------


def test_the_audit_log_is_searched(store: Store) -> None:
    """By whom, what and since when, in any case; what people type is no pattern. (C25)"""
    with store.writing(actor="command by ada") as conn:
        client_id = accounts.create(conn, "Shop").client_id
        sources.create(conn, client_id, "100% web_shop")
    with store.writing(actor="Connect API access token 7 (...abcd)") as conn:
        accounts.rename(conn, client_id, "Store")
    with store.reading() as conn:
        for who, what, actions in (
            ("ADA", "", ["source created", "account created"]),
            ("...abcd", "", ["account renamed"]),
            ("", "source", ["source created"]),
            ("", "100% WEB_shop", ["source created"]),
            ("", "100%shop", []),
            ("", "_", ["source created"]),
            ("ada", "account", ["account created"]),
        ):
            assert actions == [each.action for each in audit.latest(conn, 9, who=who, what=what)]
        assert [] == audit.latest(conn, 9, since=now() + timedelta(minutes=1))
        assert 3 == len(audit.latest(conn, 9, since=now() - timedelta(minutes=1)))
