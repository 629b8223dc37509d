"""The notifier in this process, turn by turn: what a killed one leaves, and receivers that hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.conformance.control_stores import KINDS, open_at
from tests.receivers import Mailbox, Receiver, mail_server, receiving
from tests.waiting import wait_until
from tidegate.control import accounts, deliveries, destinations, emails, hooks, mails, notifications, outbox
from tidegate.control.outbox import State
from tidegate.control.schema import hook_deliveries, now
from tidegate.control.schema import mails as mail_table
from tidegate.control.store import Store
from tidegate.logs import open_log
from tidegate.metrics import Metrics
from tidegate.notifier.hook_calls import HOOK_CALLS_MAX
from tidegate.notifier.loop import Notifier
from tidegate.settings import Settings

SETTINGS = Settings(hook_addresses="any", hook_schemes="any", hook_wait_s_max=60.0, hook_retries_max=5)


@pytest.fixture(params=sorted(KINDS))
def store(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Store]:
    """Each kind of store, with an account and a destination."""
    exercised(f"notifier: {request.param}")
    opened = open_at(KINDS[request.param](tmp_path), tmp_path)
    with opened.writing() as conn:
        client_id = accounts.create(conn, "Shop").client_id
        destinations.create(conn, client_id, "duckdb:///first.duckdb", "first")
    yield opened
    wait_until(lambda: not sending(), what="the end of all calls")
    opened.close()


def sending() -> list[str]:
    """The threads of the notifier that are still at work."""
    return [each.name for each in threading.enumerate() if each.name.startswith("send-")]


def notifier(store: Store, settings: Settings = SETTINGS) -> Notifier:
    """A notifier that works when it is told to."""
    log = open_log(log_format="json", log_level="info", process="test")
    return Notifier(store, settings, metrics=Metrics(), log=log)


def hooked(store: Store, url: str, calls: int) -> int:
    """Make a hook with calls that wait, and return its id."""
    with store.writing() as conn:
        client_id = accounts.list_(conn)[0].client_id
        made, _ = hooks.create(conn, client_id, 1, url, plain=True)
        for _ in range(calls):
            deliveries.enqueue_test(conn, made)
    return made.id


def states(store: Store, hook_id: int) -> list[State]:
    """What became of a hook's calls."""
    with store.reading() as conn:
        return [each.state for each in deliveries.latest(conn, 100, hook_id=hook_id)]


def test_a_receiver_that_hangs_holds_up_no_other(store: Store) -> None:
    """Of one hook four calls are made at a time; another's go on meanwhile. (N22)"""
    with receiving(Receiver()) as hanging, receiving(Receiver()) as quick:
        hanging.held.clear()
        slow = hooked(store, hanging.url, 2 * HOOK_CALLS_MAX)
        other = hooked(store, quick.url, 6)
        working = notifier(store)

        def all_of_other() -> bool:
            working.turn()
            return states(store, other) == [State.DELIVERED] * 6

        wait_until(all_of_other, within_s=60, what="the other's calls")
        assert HOOK_CALLS_MAX >= len(hanging.received)
        assert {State.WAITING} == set(states(store, slow))
        hanging.held.set()

        def all_of_slow() -> bool:
            working.turn()
            return set(states(store, slow)) == {State.DELIVERED}

        wait_until(all_of_slow, within_s=60, what="the calls that waited")
        assert 2 * HOOK_CALLS_MAX == len(hanging.received)


def test_a_call_whose_attempts_are_used_up_is_given_up(store: Store) -> None:
    """A process that dies during each attempt does not make it for ever. (N20, N21)"""
    with receiving(Receiver()) as receiver:
        hook_id = hooked(store, receiver.url, 1)
        for _ in range(SETTINGS.hook_retries_max + 1):
            with store.writing() as conn:
                (row,) = outbox.due(conn, hook_deliveries, limit=5)
                assert outbox.take(conn, hook_deliveries, row, for_s=60)
                conn.execute(update(hook_deliveries).values(due_at=now() - timedelta(seconds=1)))
        notifier(store).turn()
        assert ([State.FAILED], []) == (states(store, hook_id), receiver.received)
    with store.reading() as conn:
        (told,) = notifications.list_(conn)
        assert "the process ended during the last attempt" == told.error


def test_a_mail_whose_attempts_are_used_up_is_given_up(store: Store) -> None:
    """Nor is a mail sent for ever; the others go. (N32)"""
    mailbox = Mailbox()
    with mail_server(mailbox):
        with store.writing() as conn:
            client_id = accounts.list_(conn)[0].client_id
            mails.enqueue(conn, client_id, ["old@example.com"], "Old", "Old")
            conn.execute(update(mail_table).values(attempts=8))
            mails.enqueue(conn, client_id, ["new@example.com"], "New", "New\u2028Zürich")
        working = notifier(store, Settings(smtp_url=f"smtp://127.0.0.1:{mailbox.port}?tls=none"))

        def sent() -> bool:
            working.turn()
            with store.reading() as conn:
                return {each.state for each in mails.latest(conn, 5)} == {State.DELIVERED, State.FAILED}

        wait_until(sent, within_s=60, what="the mail")
    assert ["new@example.com"] == mailbox.recipients


def test_mails_that_are_refused_for_good_are_not_sent_again(store: Store) -> None:
    """A status of 500 or more ends a mail, and no other. (N32)"""
    mailbox = Mailbox(refusals=["550 no such user"])
    with mail_server(mailbox):
        with store.writing() as conn:
            client_id = accounts.list_(conn)[0].client_id
            mails.enqueue(conn, client_id, ["a@example.com", "b@example.com"], "Subject", "Body")
        working = notifier(store, Settings(smtp_url=f"smtp://127.0.0.1:{mailbox.port}?tls=none"))

        def ended() -> bool:
            working.turn()
            with store.reading() as conn:
                return {each.state for each in mails.latest(conn, 5)} == {State.DELIVERED, State.FAILED}

        wait_until(ended, within_s=60, what="both mails")
    with store.reading() as conn:
        (failed,) = [each for each in mails.latest(conn, 5) if each.state is State.FAILED]
    assert (1, True) == (failed.attempts, "550 no such user" in str(failed.error))


def test_without_a_mail_server_no_mail_is_made(store: Store) -> None:
    """Notifications are; they are mailed once there is one, if they still last. (N31, N45)"""
    with receiving(Receiver(lambda _: 500)) as receiver:
        hooked(store, receiver.url, 1)
        with store.writing() as conn:
            emails.create(conn, accounts.list_(conn)[0].client_id, "ops@example.com")
        silent = notifier(store, Settings(hook_addresses="any", hook_retries_max=0))

        def told() -> bool:
            silent.turn()
            with store.reading() as conn:
                return bool(notifications.list_(conn))

        wait_until(told, within_s=60, what="the notification")
        silent.turn()
    with store.reading() as conn:
        assert [] == list(mails.latest(conn, 5))
    mailbox = Mailbox()
    with mail_server(mailbox):
        mailing = notifier(store, Settings(smtp_url=f"smtp://127.0.0.1:{mailbox.port}?tls=none"))

        def mailed() -> bool:
            mailing.turn()
            return bool(mailbox.mails)

        wait_until(mailed, within_s=60, what="the mail")
