"""Mails: made of notifications that have been open for long enough, and sent when they are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row

from tidegate.control import accounts, emails, mails, notifications, outbox, users
from tidegate.control.mails import Mail, mail
from tidegate.control.notifications import Kind, Notification
from tidegate.control.schema import mails as outbox_of_mails
from tidegate.control.schema import now
from tidegate.errors import ControlError, MailFailed, NotifierError
from tidegate.notifier.mail_settings import MailServer, mail_server
from tidegate.notifier.mailing import WAIT_S_MAX, Postman
from tidegate.notifier.texts import body_of, subject_of

if TYPE_CHECKING:
    from tidegate.control.store import Store
    from tidegate.logs import Log
    from tidegate.metrics import Metrics
    from tidegate.notifier.loop import Threads
    from tidegate.settings import Settings

PATIENT_KINDS = frozenset({Kind.DESTINATION, Kind.TABLE, Kind.WARNING})
"""Kinds that often end by themselves; the others are mailed at once."""

ATTEMPTS_MAX = 8
"""With waits that double from a minute on: given up after four hours."""

ROUND_MAX = 20
"""Mails handed over by one connection."""

ROUND_THREAD = 0


class MailRound:
    """Makes mails and sends those that are due, by one connection. Without `smtp_url` it does nothing."""

    def __init__(
        self, store: Store, settings: Settings, threads: Threads, *, metrics: Metrics, log: Log
    ) -> None:
        self._store = store
        self._settings = settings
        self._threads = threads
        self._metrics = metrics
        self._log = log
        self._server: MailServer | None = mail_server(settings.smtp_url) if settings.smtp_url else None

    def announce(self) -> None:
        """Make the mails of notifications that are due for them. Errors: ControlError."""
        if self._server is None:
            return
        with self._store.reading() as conn:
            waiting = [each for each in notifications.unmailed(conn) if self._is_ripe(each)]
            told = [each for each in waiting if recipients(conn, each.client_id)]
        if not told:
            return
        with self._store.writing() as conn:
            for each in told:
                if notifications.note_mailed(conn, each.id):
                    self._enqueue(conn, each)

    def begin_due(self) -> None:
        """Begin to send what is due, unless mails are being sent. Errors: ControlError."""
        if self._server is None or self._threads.room(ROUND_THREAD, 1) <= 0:
            return
        with self._store.reading() as conn:
            found = outbox.due(conn, outbox_of_mails, limit=ROUND_MAX)
        if found:
            taken = self._taken(found)
            self._threads.run(ROUND_THREAD, partial(self._send, self._server, taken))

    def _is_ripe(self, notification: Notification) -> bool:
        wait_s = self._settings.mail_after_s if notification.kind in PATIENT_KINDS else 0
        return notification.since + timedelta(seconds=wait_s) <= now()

    def _enqueue(self, conn: Connection, notification: Notification) -> None:
        account = accounts.get(conn, notification.client_id)
        mails.enqueue(
            conn,
            notification.client_id,
            recipients(conn, notification.client_id),
            subject_of(notification, self._settings.mail_subject_prefix),
            body_of(notification, account.name, errors_shown=self._settings.mail_errors == "shown"),
        )

    def _taken(self, found: Sequence[Row[Any]]) -> list[Mail]:
        """Take mails; those whose attempts are used up (a process died) are given up."""
        taken: list[Mail] = []
        with self._store.writing() as conn:
            for row in found:
                item = mail(row)
                if item.attempts >= ATTEMPTS_MAX:
                    mails.ended(conn, item, error=item.error or "the process ended during the last attempt")
                elif outbox.take(conn, outbox_of_mails, row, for_s=WAIT_S_MAX * (ROUND_MAX + 1)):
                    taken.append(item)
        return taken

    def _send(self, server: MailServer, taken: Sequence[Mail]) -> None:
        """Hand mails over, and write down what became of each."""
        left = list(taken)
        try:
            with Postman(server, self._settings.smtp_from) as postman:
                while left:
                    self._send_one(postman, left[0])
                    del left[0]
        except MailFailed as exc:
            for item in left:
                self._note_failed(item, exc)

    def _send_one(self, postman: Postman, item: Mail) -> None:
        try:
            postman.send(item)
        except NotifierError as exc:
            self._note_failed(item, exc)
        else:
            self._note(item, lambda conn: mails.ended(conn, item))
            self._metrics.mails.labels("sent").inc()
            self._log.info("mail sent", mail=item.id, client_id=item.client_id)

    def _note_failed(self, item: Mail, exc: NotifierError) -> None:
        """Let a mail wait for its next attempt, or give it up."""
        is_last = not exc.retryable or item.attempts + 1 >= ATTEMPTS_MAX
        due_at = now() + timedelta(seconds=self._settings.mail_retry_wait_s * 2.0**item.attempts)
        self._metrics.mails.labels("given_up" if is_last else "put_off").inc()
        self._log.warning("mail not sent", mail=item.id, error=str(exc), given_up=is_last)
        if is_last:
            self._note(item, lambda conn: mails.ended(conn, item, error=str(exc)))
        else:
            self._note(item, lambda conn: mails.put_off(conn, item, due_at, error=str(exc)))

    def _note(self, item: Mail, what: Any) -> None:
        try:
            with self._store.writing() as conn:
                what(conn)
        except ControlError as exc:
            self._log.warning("what became of a mail cannot be noted", mail=item.id, error=str(exc))


def recipients(conn: Connection, client_id: int) -> list[str]:
    """
    Return the addresses that an account's notifications are mailed to: its users' and its custom ones.

    The first start's owner has an address that leads nowhere until somebody gives them another.
    """
    of_users = [each.email for each in users.list_(conn, client_id) if each.disabled_at is None]
    custom = [each.email_address for each in emails.list_(conn, client_id) if each.disabled_at is None]
    return list(dict.fromkeys([*filter(emails.is_address, of_users), *custom]))
