"""Every control store keeps hooks, outboxes and notifications as docs/specs/notifications.md says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from tests.conformance.control_stores import CONTENT, KINDS, open_at
from tidegate.control import (
    accounts,
    deliveries,
    destinations,
    emails,
    hooks,
    loads,
    mails,
    notifications,
    outbox,
    sources,
)
from tidegate.control.accounts import Account
from tidegate.control.deliveries import Delivery
from tidegate.control.hooks import Hook
from tidegate.control.loads import LoadReport
from tidegate.control.notifications import Cause, Kind
from tidegate.control.outbox import State
from tidegate.control.schema import hook_deliveries, now
from tidegate.control.schema import mails as mail_table
from tidegate.control.store import Store
from tidegate.errors import Unknown
from tidegate.tables.reports import Bookmark, SubtableReport

URL = "https://receiver.example.com/path?key=topsecret"


@pytest.fixture
def store(store: Store, account: Account) -> Store:
    """A store of each kind, with an account, two destinations and a source."""
    with store.writing() as conn:
        for name in ("first", "second"):
            destinations.create(conn, account.client_id, f"duckdb:///{name}.duckdb", name)
        sources.create(conn, account.client_id, "Shop")
    return store


def report(table_name: str = "orders", **changed: object) -> LoadReport:
    """What a load did to a table."""
    made = LoadReport(
        source_id=1,
        destination_id=1,
        table_name=table_name,
        started_at=now(),
        finished_at=now(),
        rows_loaded=5,
        rows_rejected=0,
        destination_table=table_name,
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the fields are named by tests


def hook(conn: Connection, destination_id: int = 1) -> Hook:
    """Make a hook."""
    return hooks.create(conn, accounts.list_(conn)[0].client_id, destination_id, URL)[0]


def told(conn: Connection, *reports: LoadReport) -> list[Delivery]:
    """Note loads, and return all calls that wait, oldest first."""
    deliveries.enqueue(conn, reports)
    return list(reversed(deliveries.latest(conn, 100)))


# --- Hooks -------------------------------------------------------------------------------------------------


def test_a_secret_is_told_once_and_kept_encrypted(tmp_path: Path) -> None:
    """Nothing in the store's files gives it away; another one takes its place on request. (N2)"""
    address = KINDS["sqlite"](tmp_path)
    opened = open_at(address, tmp_path)
    with opened.writing() as conn:
        client_id = accounts.create(conn, "Shop").client_id
        destinations.create(conn, client_id, "duckdb:///first.duckdb", "first")
        made, secret = hooks.create(conn, client_id, 1, URL)
        _, second = hooks.renew_secret(conn, made.id)
    with opened.reading() as conn:
        assert (second, True) == (hooks.secret_of(conn, made.id), secret != second)
    opened.close()
    kept = CONTENT["sqlite"](address, tmp_path)
    assert (False, False, True) == (secret.encode() in kept, second.encode() in kept, b"topsecret" in kept)


def test_loads_are_told_to_the_hooks_of_their_destination(store: Store) -> None:
    """One call for each table with rows, elements or rejected records; none for failed loads. (N1, N10)"""
    with store.writing() as conn:
        first, second = hook(conn, 1), hook(conn, 2)
        elements = SubtableReport(array="items", destination_table="orders__items", rows=2)
        calls = told(
            conn,
            report("rows"),
            report("empty", rows_loaded=0),
            report("rejected", rows_loaded=0, rows_rejected=1),
            report("elements", rows_loaded=0, subtables=(elements,)),
            report("held", error="no"),
            report("elsewhere", destination_id=2),
            report("nowhere", destination_id=None),
        )
    assert [
        (first.id, "rows"),
        (first.id, "rejected"),
        (first.id, "elements"),
        (second.id, "elsewhere"),
    ] == [(each.hook_id, each.table_name) for each in calls]


def test_a_call_tells_all_that_a_receiver_may_read(store: Store) -> None:
    """Every key of the documented object, the table first, then its subtables. (N12)"""
    with store.writing() as conn:
        hook(conn)
        (call,) = told(
            conn,
            report(
                rows_rejected=11,
                destination_table="orders_",
                table_version=7,
                activated=True,
                key_names=("id", "shop"),
                extracted_at_max="2019-07-15T14:43:09.030Z",
                bookmarks=(Bookmark(field="updated_at", least="1", greatest="2"),),
                subtables=(SubtableReport(array="items", destination_table="orders___items", rows=3),),
            ),
        )
    body = json.loads(call.payload)
    assert 24 == len(body.pop("minimum_sdc_batched_at"))
    assert {
        "version": "1.0",
        "integration_name": "shop",
        "new_version": True,
        "source_root_table_name": "orders",
        "destination_root_table_name": "orders_",
        "table_version": 7,
        "tables": [
            {
                "source_table_name": "orders",
                "destination_table_name": "orders_",
                "num_rows": 5,
                "num_rows_rejected": 11,
                "primary_keys": ["id", "shop"],
                "bookmark_metadata": [{"key": "updated_at", "max_value": "2", "min_value": "1"}],
                "max_time_extracted": "2019-07-15T14:43:09.030Z",
            },
            {
                "source_table_name": "items",
                "destination_table_name": "orders___items",
                "num_rows": 3,
                "num_rows_rejected": 0,
                "bookmark_metadata": [],
                "max_time_extracted": "2019-07-15T14:43:09.030Z",
            },
        ],
    } == body


def test_bookmarks_are_null_when_all_records_were_rejected(store: Store) -> None:
    """And an empty list when no bookmark names were sent. (N12)"""
    with store.writing() as conn:
        hook(conn)
        rejected, plain = told(conn, report(rows_loaded=0, rows_rejected=2, destination_table=""), report())
    root, other = (json.loads(each.payload)["tables"][0] for each in (rejected, plain))
    assert (None, [], None) == (
        root["bookmark_metadata"],
        other["bookmark_metadata"],
        root["destination_table_name"],
    )


def test_a_disabled_or_deleted_hook_is_not_called(store: Store) -> None:
    """What waits for it is dropped, and loads are not told until it is enabled again. (N3)"""
    with store.writing() as conn:
        made = hook(conn)
        told(conn, report())
        hooks.enable(conn, made.id, enabled=False)
        assert [] == told(conn, report())
        hooks.enable(conn, made.id, enabled=True)
        assert 1 == len(told(conn, report()))
        hooks.delete(conn, made.id)
        assert [] == told(conn, report())
        with pytest.raises(Unknown):
            hooks.secret_of(conn, made.id)


def test_a_load_that_leaves_no_report_leaves_no_call(store: Store) -> None:
    """Both are written together or not at all. (N11)"""

    class Broken(Exception):
        """What goes wrong."""

    with store.writing() as conn:
        hook(conn)

    def load_then_break() -> None:
        with store.writing() as conn:
            loads.add(conn, [report()])
            deliveries.enqueue(conn, [report()])
            raise Broken

    with pytest.raises(Broken):
        load_then_break()
    with store.reading() as conn:
        assert ([], []) == (list(loads.latest(conn, 5)), list(deliveries.latest(conn, 5)))


def test_waiting_calls_are_bounded_and_dropping_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes on top is dropped, once told however often it happens. (N22)"""
    monkeypatch.setattr(deliveries, "WAITING_MAX", 3)
    with store.writing() as conn:
        made = hook(conn)
        assert ["a", "b", "c"] == [
            each.table_name for each in told(conn, *(report(each) for each in "abcde"))
        ]
        told(conn, report("f"))
        (notification,) = notifications.list_(conn)
    assert (Kind.HOOK, 2) == (notification.kind, notification.times)
    assert ("dropped" in str(notification.error), f"hook {made.id} ") == (True, notification.place[:7])


def test_calls_that_ended_are_kept_for_a_while(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones of each hook, for people to look at; those that wait always. (N22)"""
    monkeypatch.setattr(deliveries, "KEPT_MAX", 2)
    with store.writing() as conn:
        hook(conn)
        other = hook(conn)
        calls = told(conn, *(report(each) for each in "abcd"))
        for call in calls:
            if call.hook_id != other.id and call.table_name != "a":
                deliveries.delivered(conn, call, 200)
        kept = [each for each in deliveries.latest(conn, 100) if each.hook_id != other.id]
        assert [("d", State.DELIVERED), ("c", State.DELIVERED), ("a", State.WAITING)] == [
            (each.table_name, each.state) for each in kept
        ]
        assert 4 == len(deliveries.latest(conn, 100, hook_id=other.id))


def test_bounds_that_no_encoding_has_do_not_stop_a_load(store: Store) -> None:
    """Half a surrogate pair and U+0000, which a client may have sent, are told as JSON writes them. (N12)"""
    odd = "\ud800\0"
    with store.writing() as conn:
        hook(conn)
        (call,) = told(conn, report(bookmarks=(Bookmark(field=odd, least=odd, greatest=odd),)))
    assert call.payload.isascii()
    assert {"key": odd, "max_value": odd, "min_value": odd} == json.loads(call.payload)["tables"][0][
        "bookmark_metadata"
    ][0]


# --- Outboxes ----------------------------------------------------------------------------------------------


def test_an_item_is_taken_once_and_comes_back_when_nothing_is_noted(store: Store) -> None:
    """The attempt is counted first; whoever read the item before it was taken gets nothing. (N20)"""
    with store.writing() as conn:
        hook(conn)
        told(conn, report())
    with store.reading() as conn:
        (row,) = outbox.due(conn, hook_deliveries, limit=5)
        assert [] == outbox.due(conn, hook_deliveries, limit=5, without={"hook_id": [row.hook_id]})
    with store.writing() as conn:
        assert outbox.take(conn, hook_deliveries, row, for_s=60)
        assert not outbox.take(conn, hook_deliveries, row, for_s=60)
        assert [] == outbox.due(conn, hook_deliveries, limit=5)
        conn.execute(update(hook_deliveries).values(due_at=now() - timedelta(seconds=1)))
        (again,) = outbox.due(conn, hook_deliveries, limit=5)
        assert (row.id, 1) == (again.id, again.attempts)


def test_an_item_that_ended_stays_so(store: Store) -> None:
    """Whatever a slower process notes afterwards. (N20)"""
    with store.writing() as conn:
        hook(conn)
        (call,) = told(conn, report())
        deliveries.delivered(conn, call, 204)
        deliveries.given_up(conn, call, http_status=500, error="late")
        deliveries.put_off(conn, call, now(), http_status=500, error="late")
        (kept,) = deliveries.latest(conn, 5)
        assert (State.DELIVERED, 204, None) == (kept.state, kept.http_status, kept.error)
        assert [] == list(notifications.list_(conn))


def test_mails_are_one_for_each_address(store: Store) -> None:
    """Nobody is told the others' addresses, nobody gets two. (N30)"""
    with store.writing() as conn:
        client_id = accounts.list_(conn)[0].client_id
        mails.enqueue(conn, client_id, ["a@example.com", "b@example.com", "a@example.com"], "Subject", "Body")
        found = mails.latest(conn, 5)
        assert {"a@example.com", "b@example.com"} == {each.email_address for each in found}
        assert 2 == outbox.waiting(conn, mail_table, client_id=client_id)
        mails.ended(conn, found[0])
        mails.ended(conn, found[1], error="550 no such user")
        assert [(State.FAILED, "550 no such user"), (State.DELIVERED, None)] == [
            (each.state, each.error) for each in reversed(mails.latest(conn, 5))
        ]


def test_addresses_are_refused_by_the_rule() -> None:
    """The longest that can be, and one character more. (A66)"""
    domain = ".".join(["x" * 61] * 3)
    assert emails.is_address(f"{'a' * 64}@{domain}.co")
    assert not emails.is_address(f"{'a' * 65}@{domain}.co")
    assert not emails.is_address(f"{'a' * 64}@{domain}.{'x' * 4}")
    assert not emails.is_address("ops@example.com\n")


# --- Notifications -----------------------------------------------------------------------------------------


def cause(conn: Connection, subject: str = "destination 1", **changed: object) -> Cause:
    """Something that is wrong."""
    made = Cause(
        client_id=accounts.list_(conn)[0].client_id,
        kind=Kind.DESTINATION,
        subject=subject,
        place=subject,
        since=now(),
        error="no route to host",
    )
    return replace(made, **changed)  # type: ignore[arg-type]  # the fields are named by tests


KINDS_SEEN = (Kind.DESTINATION, Kind.TABLE)


def test_a_notification_stays_while_its_cause_lasts(store: Store) -> None:
    """One for each cause; it goes with it, and comes again as another. (N40, N46)"""
    with store.writing() as conn:
        first, second = cause(conn), cause(conn, "destination 2")
        assert notifications.settle(conn, KINDS_SEEN, [first, second])
        assert not notifications.settle(conn, KINDS_SEEN, [first, second])
        assert notifications.matches(conn, KINDS_SEEN, [first, second])
        assert not notifications.matches(conn, KINDS_SEEN, [replace(first, error="other"), second])
        assert 2 == len(notifications.list_(conn))
        notifications.settle(conn, KINDS_SEEN, [second])
        (left,) = notifications.list_(conn)
        assert "destination 2" == left.subject
        notifications.settle(conn, KINDS_SEEN, [first, second])
        assert [3, 2] == [each.id for each in notifications.list_(conn)]
        assert 3 == len(notifications.list_(conn, everything=True))


def test_a_dismissed_notification_does_not_come_back_while_its_cause_lasts(store: Store) -> None:
    """It does when its cause went and returned; it can be dismissed once. (N40)"""
    with store.writing() as conn:
        wrong = cause(conn)
        notifications.settle(conn, KINDS_SEEN, [wrong])
        with pytest.raises(Unknown):
            notifications.dismiss(conn, 1, client_id=wrong.client_id + 1)
        notifications.dismiss(conn, 1, client_id=wrong.client_id)
        with pytest.raises(Unknown):
            notifications.dismiss(conn, 1)
        notifications.settle(conn, KINDS_SEEN, [wrong])
        assert [] == list(notifications.list_(conn))
        notifications.settle(conn, KINDS_SEEN, [])
        notifications.settle(conn, KINDS_SEEN, [wrong])
        assert [2] == [each.id for each in notifications.list_(conn)]


def test_a_hook_that_fails_again_is_counted_not_told_again(store: Store) -> None:
    """One notification until a call arrives; it is mailed once. (N44, N45)"""
    with store.writing() as conn:
        made = hook(conn)
        first, second, third = told(conn, report("a"), report("b"), report("c"))
        deliveries.given_up(conn, first, http_status=500, error="answered 500")
        (notification,) = notifications.unmailed(conn)
        assert notifications.note_mailed(conn, notification.id)
        assert not notifications.note_mailed(conn, notification.id)
        deliveries.given_up(conn, second, http_status=None, error="no answer")
        (counted,) = notifications.list_(conn)
        assert (2, "no answer", []) == (counted.times, counted.error, list(notifications.unmailed(conn)))
        assert "topsecret" not in counted.place
        deliveries.delivered(conn, third, 200)
        assert [] == list(notifications.list_(conn))
        assert hooks.list_(conn, made.client_id) == [made]


def test_long_words_of_a_warehouse_are_cut(store: Store) -> None:
    """And cut ones still match what is wrong. (N46)"""
    with store.writing() as conn:
        wordy = cause(conn, error="x" * 100_000)
        notifications.settle(conn, KINDS_SEEN, [wordy])
        (found,) = notifications.list_(conn)
        assert notifications.ERROR_CHARACTERS_MAX == len(str(found.error))
        assert notifications.matches(conn, KINDS_SEEN, [wordy])
