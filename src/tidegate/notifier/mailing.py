"""Mails by SMTP: one connection for as many as wait."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from types import TracebackType
from typing import Self

from tidegate.control.mails import Mail
from tidegate.errors import MailFailed, MailRefused
from tidegate.notifier.mail_settings import MailServer

WAIT_S_MAX = 30.0
"""Longest silence of a mail server; RFC 5321 would have us wait minutes, but we try again anyway."""


class Postman:
    """An open connection to a mail server. Errors of opening: MailFailed."""

    def __init__(self, server: MailServer, sender: str) -> None:
        self._server = server
        self._sender = sender
        self._line: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """Connect and sign in."""
        try:
            self._line = self._connected()
        except (OSError, smtplib.SMTPException, UnicodeError) as exc:
            raise MailFailed(f"the mail server {self._server.host} cannot be used: {_said(exc)}") from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        if self._line is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._line.quit()

    def send(self, mail: Mail) -> None:
        """Hand a mail over. Errors: MailFailed, or MailRefused when another attempt would not help."""
        assert self._line is not None  # noqa: S101 - tells the type checker what `__enter__` did
        try:
            self._line.send_message(message(mail, self._sender))
        except smtplib.SMTPRecipientsRefused as exc:
            code, said = next(iter(exc.recipients.values()))
            raise _by_code(code, f"the mail server does not take the address: {code} {_text(said)}") from exc
        except smtplib.SMTPResponseException as exc:
            words = f"the mail server does not take the mail: {exc.smtp_code} {_text(exc.smtp_error)}"
            raise _by_code(exc.smtp_code, words) from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise MailFailed(f"the mail server {self._server.host} cannot be used: {_said(exc)}") from exc
        except UnicodeError as exc:
            raise MailRefused("the mail has characters that cannot be sent") from exc

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        own_name = self._sender.rpartition("@")[2]
        context = ssl.create_default_context()
        line: smtplib.SMTP
        if server.tls == "always":
            line = smtplib.SMTP_SSL(
                server.host, server.port, local_hostname=own_name, timeout=WAIT_S_MAX, context=context
            )
        else:
            line = smtplib.SMTP(server.host, server.port, local_hostname=own_name, timeout=WAIT_S_MAX)
        try:
            if server.tls == "start":
                line.starttls(context=context)
            if server.user:
                line.login(server.user, server.password)
        except (OSError, smtplib.SMTPException, UnicodeError):
            line.close()
            raise
        return line


def message(mail: Mail, sender: str) -> EmailMessage:
    """Return a mail as it is sent. Source: RFC 5322; RFC 3834 for `Auto-Submitted`."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = mail.email_address
    made["Subject"] = " ".join(mail.subject.split())
    made["Date"] = format_datetime(mail.created_at)
    made["Message-ID"] = make_msgid(f"tidegate-{mail.id}", sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.body)
    return made


def _by_code(code: int, words: str) -> MailFailed | MailRefused:
    """Codes from 500 on are for good, those below for now. Source: RFC 5321, 4.2.1."""
    return MailRefused(words) if code >= 500 else MailFailed(words)


def _said(exc: Exception) -> str:
    if isinstance(exc, UnicodeError):
        return "user and password must be ASCII"
    if isinstance(exc, smtplib.SMTPResponseException):
        return f"{exc.smtp_code} {_text(exc.smtp_error)}"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted: {exc.verify_message}"
    return (exc.strerror if isinstance(exc, OSError) else str(exc)) or type(exc).__name__


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:500]
