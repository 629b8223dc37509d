"""
The settings: one frozen value, read once, from flags, `TIDEGATE_*` and the settings file, in that order.

Imports nothing of ours but errors. Each field has unit, default, bound and help here and nowhere else;
`tidegate config` and docs/reference/settings.md are made from this file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from tidegate.errors import SettingInvalid

SETTINGS_FILE = "tidegate.toml"

SECRET_KEY_ENV = "TIDEGATE_SECRET_KEY"  # noqa: S105 - a name
"""Not a setting, so that no list of settings shows it: the Fernet key that encrypts secrets in the control
store. Without it the key file `secret.key` in the data folder counts, made when a secret first needs it."""

METRICS_ENV = "PROMETHEUS_MULTIPROC_DIR"
"""Not a setting: where all processes count, set by `tidegate serve` before prometheus-client is imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What is known of one setting beside its value. `least` and `most` bound numbers, `choices` texts."""

    help: str
    unit: str
    least: float | None
    most: float | None
    choices: tuple[str, ...]

    def bound(self) -> str:
        """The bound in words, for people."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.least is not None and self.most is not None:
            return f"{_plain(self.least)} to {_plain(self.most)}"
        return f"at least {_plain(self.least)}" if self.least is not None else ""


def _plain(number: float) -> str:
    """Write a bound as people read it: 10,000,000,000 and 0.1."""
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def option(
    default: Any,
    *,
    help: str,  # noqa: A002 - the word people know from command lines
    unit: str = "",
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare one field of `Settings`."""
    about = Option(help=help, unit=unit, least=least, most=most, choices=choices)
    return field(default=default, metadata={"option": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Names end in their unit and in `_max` or `_min` where they are bounds."""

    data_dir: Path = option(Path("tidegate-data"), help="Folder that holds everything Tidegate keeps.")
    host: str = option("127.0.0.1", help="Address to listen on; 0.0.0.0 for all.")
    port: int = option(8080, help="Port to listen on; 0 picks a free one.", least=0, most=65_535)
    workers: int = option(
        0, help="Gate processes; 0 means one for each core.", unit="processes", least=0, most=256
    )
    destination: str = option(
        "", help="Where the first start loads to, such as duckdb:///path; empty: DuckDB in the data folder."
    )
    owner_email: str = option(
        "owner@localhost", help="Who owns the account that the first start makes; the password is generated."
    )
    control_url: str = option(
        "",
        help="Where the control store is: postgresql://user@host/db; empty: control.db in the data folder.",
    )
    region: str = option("", help="Region code of this deployment; empty: regions are not checked.")
    body_bytes_max: int = option(
        20_971_520,
        help="Largest request body, after decoding. The Import API says 20 MB.",
        unit="bytes",
        least=1_000,
        most=1_000_000_000,
    )
    inflight_bytes_max: int = option(
        67_108_864,
        help="Request bodies one gate process holds at a time; further requests wait.",
        unit="bytes",
        least=1_000_000,
        most=100_000_000_000,
    )
    admission_wait_s_max: float = option(
        20.0, help="Longest wait for room before 503 is answered.", unit="s", least=0, most=55
    )
    body_wait_s_max: float = option(
        30.0, help="Longest silence while a body is being received.", unit="s", least=1, most=600
    )
    journal_bytes_max: int = option(
        20_000_000_000,
        help="Largest journal on disk; accepting stops with 503 when unloaded requests reach it.",
        unit="bytes",
        least=1_000_000,
        most=1e15,
    )
    retention_s: int = option(
        604_800,
        help="How long loaded requests are kept for replay, and rejected records whole (a day at least).",
        unit="s",
        least=0,
        most=1e9,
    )
    retention_bytes_max: int = option(
        10_000_000_000,
        help="How much of loaded requests is kept for replay.",
        unit="bytes",
        least=0,
        most=1e15,
    )
    load_bytes: int = option(
        8_000_000,
        help="A load starts when this much has gathered (of a backlog it takes up to four times as much) ...",
        unit="bytes",
        least=1_000,
        most=1e9,
    )
    load_wait_s: float = option(
        1.0, help="... or when the oldest request has waited this long.", unit="s", least=0, most=3_600
    )
    retry_wait_s_max: float = option(
        30.0, help="Longest wait between attempts when a destination fails.", unit="s", least=0.1, most=3_600
    )
    hook_schemes: str = option(
        "https",
        help="What addresses of post-load hooks may begin with: https alone, or any (http too).",
        choices=("https", "any"),
    )
    hook_addresses: str = option(
        "public",
        help="Where hooks may be called: public addresses alone, or any (private networks too).",
        choices=("public", "any"),
    )
    hook_wait_s_max: float = option(
        30.0, help="Longest wait for a hook's answer.", unit="s", least=0.1, most=300
    )
    hook_retries_max: int = option(
        5, help="How often a failed call of a hook is tried again.", unit="attempts", least=0, most=20
    )
    hook_retry_wait_s: float = option(
        10.0,
        help="Wait before a call of a hook is tried again; doubles each time.",
        unit="s",
        least=0.01,
        most=3_600,
    )
    hook_user_agent: str = option(
        "StitchLoadingWebhook", help="User-Agent of calls of hooks; receivers made for Stitch may look at it."
    )
    smtp_url: str = option(
        "",
        help=(
            "Mail server for notifications: smtp://user:password@host:587 (STARTTLS), smtps://host:465,"
            " or smtp://host:25?tls=none; empty: no mail is sent."
        ),
    )
    smtp_from: str = option("tidegate@localhost", help="Sender of mails.")
    mail_subject_prefix: str = option("Tidegate Notification - ", help="What subjects of mails begin with.")
    mail_errors: str = option(
        "shown",
        help="Whether mails hold what a warehouse or receiver said, which may quote data.",
        choices=("shown", "hidden"),
    )
    mail_after_s: float = option(
        7_200.0,
        help="How long a destination fails, or a table waits, before mail is sent.",
        unit="s",
        least=0,
        most=604_800,
    )
    mail_retry_wait_s: float = option(
        60.0,
        help="Wait before a mail is tried again; doubles each time, up to eight attempts.",
        unit="s",
        least=0.01,
        most=3_600,
    )
    jobs_calls_max: int = option(
        0,
        help=(
            "Calls of /v4/<client id>/loads and extractions that an account may make in ten minutes;"
            " 0: any number."
        ),
        unit="calls",
        least=0,
        most=1_000_000,
    )
    log_format: str = option(
        "auto",
        help="Log lines: json, pretty, or auto (pretty on a terminal).",
        choices=("auto", "json", "pretty"),
    )
    log_level: str = option(
        "info", help="Least severe log lines written.", choices=("debug", "info", "warning", "error")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as read: its value, where that came from, and what is known of it."""

    name: str
    value: Any
    origin: str
    option: Option


def options() -> Mapping[str, Option]:
    """Return every setting's description by name, in the order declared."""
    return {each.name: cast("Option", each.metadata["option"]) for each in fields(Settings)}


def read_settings(flags: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Settings, list[Setting]]:
    """
    Read every setting: a flag wins over `TIDEGATE_<NAME>`, that over the file in the data folder.

    Shape: flags by setting name, None for "not given" -> the settings, and each with its origin ("flag",
    "TIDEGATE_...", a file's path or "default").
    Errors: SettingInvalid names the setting, what was found, the bound and the origin.
    """
    known = options()
    defaults: dict[str, Any] = {each.name: each.default for each in fields(Settings)}
    found: dict[str, tuple[Any, str]] = {name: (value, "default") for name, value in defaults.items()}
    environment = {
        name: environ[f"TIDEGATE_{name.upper()}"] for name in known if f"TIDEGATE_{name.upper()}" in environ
    }
    data_dir = flags.get("data_dir") or environment.get("data_dir") or defaults["data_dir"]
    path = Path(data_dir) / SETTINGS_FILE
    for name, value in _read_file(path).items():
        if name not in known or name == "data_dir":
            raise SettingInvalid(
                name, value, "a setting of `tidegate config`, other than data_dir", str(path)
            )
        found[name] = (value, str(path))
    found |= {name: (text, f"TIDEGATE_{name.upper()}") for name, text in environment.items()}
    found |= {name: (value, "flag") for name, value in flags.items() if value is not None}
    read = [
        Setting(
            name=name,
            value=_checked(name, value, origin, defaults[name], known[name]),
            origin=origin,
            option=known[name],
        )
        for name, (value, origin) in found.items()
    ]
    return Settings(**{each.name: each.value for each in read}), read


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingInvalid("file", str(path), f"a readable TOML file ({exc})", "data folder") from exc


def _checked(name: str, value: Any, origin: str, default: Any, about: Option) -> Any:
    """Turn a flag, text or TOML value into the setting's type, within its bounds."""
    kind: Callable[[Any], Any] = Path if isinstance(default, Path) else type(default)
    wanted = f"{_WORDS.get(type(default), 'a text')} {about.bound()}".strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float | Path):
        raise SettingInvalid(name, value, wanted, origin)
    try:
        parsed = kind(value)
    except ValueError as exc:
        raise SettingInvalid(name, value, wanted, origin) from exc
    if isinstance(parsed, int | float) and not (
        (about.least is None or about.least <= parsed)
        and (about.most is None or parsed <= about.most)
        and (isinstance(value, str) or parsed == value)
    ):
        raise SettingInvalid(name, value, wanted, origin)
    if about.choices and parsed not in about.choices:
        raise SettingInvalid(name, value, wanted, origin)
    return parsed


_WORDS = {int: "a whole number", float: "a number"}
