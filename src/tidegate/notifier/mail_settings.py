"""The settings of mail and hooks, as they are used. Imports nothing heavy: they are checked at each start."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from tidegate.errors import SettingInvalid
from tidegate.settings import Settings

PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server. `tls` is "start" (STARTTLS), "always" (from the first byte) or "none"."""

    host: str
    port: int
    user: str
    password: str
    tls: str


def mail_server(url: str) -> MailServer:
    """
    Read the setting `smtp_url`.

    Shape: `smtp://user:password@host:587` with STARTTLS, `smtps://...:465` with TLS, `smtp://...?tls=none`
    without. Errors: SettingInvalid, without what was found: it may hold a password.
    """
    wanted = "smtp://user:password@host:587, smtps://..., or smtp://...?tls=none"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise SettingInvalid("smtp_url", "***", wanted, "the settings") from exc
    plain = parse_qs(parts.query).get("tls") == ["none"]
    if (
        parts.scheme not in PORTS
        or not parts.hostname
        or (parts.query and not plain)
        or (plain and parts.scheme != "smtp")
    ):
        raise SettingInvalid("smtp_url", "***", wanted, "the settings")
    found = MailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls="always" if parts.scheme == "smtps" else "none" if plain else "start",
    )
    if found.user and found.tls == "none":
        raise SettingInvalid("smtp_url", "***", "TLS wherever there is a password", "the settings")
    return found


def check_mail_settings(settings: Settings) -> None:
    """Errors: SettingInvalid, so that what cannot work is said at the start and not in a log later."""
    if settings.smtp_url:
        mail_server(settings.smtp_url)
    for name in ("smtp_from", "mail_subject_prefix", "hook_user_agent"):
        value = getattr(settings, name)
        if not (value.isascii() and value.isprintable()):
            raise SettingInvalid(name, value, "printable ASCII on one line", "the settings")
    if "@" not in settings.smtp_from.strip("@"):
        raise SettingInvalid("smtp_from", settings.smtp_from, "an e-mail address", "the settings")
