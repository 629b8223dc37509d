"""The scalars and tags of Transit, as values of ours. Source: docs/specs/import-api.md, W72 to W74."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any

from tidegate.decimals import DIGITS_MAX, parse_decimal
from tidegate.errors import MalformedBody
from tidegate.instants import NS_PER_S, instant_text, parse_instant
from tidegate.wire.violations import shown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOLEANS = {"t": True, "f": False}
_SPECIAL = {"NaN": math.nan, "INF": math.inf, "-INF": -math.inf}
_WHOLE = re.compile(r"[+-]?[0-9]+").fullmatch
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_RATIO_DIGITS = 38


def scalar(raw: str) -> Any:
    """
    Read a string that may begin with a mark, cache codes apart.

    Errors: MalformedBody when a typed scalar is not what its type says.
    """
    if raw[:1] != "~":
        if raw[:1] == "^":
            raise MalformedBody(f"{shown(raw)!r} stands where no map begins")
        return raw  # among them strings behind a bare back-quote, which one client does not escape
    kind = raw[1:2]
    if kind in _ESCAPED:
        return raw[1:]
    if kind in {"#", ""}:
        raise MalformedBody(f"{shown(raw)!r} stands where no value is tagged")
    return tagged(kind, raw[2:])


_ESCAPED = frozenset("~^`")


def tagged(tag: str, rep: Any) -> Any:
    """
    Read a tagged value, whose representation has been read; a tag nobody knows is dropped.

    Errors: MalformedBody.
    """
    read = TAGS.get(tag)
    return rep if read is None else read(rep)


def key_text(key: Any) -> str:
    """Write a scalar map key as the text that names a field. Errors: MalformedBody when it is no scalar."""
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, datetime):
        return instant_text(_instant(key))
    if isinstance(key, int | float | Decimal):
        return str(key)
    raise MalformedBody("a map key is not a scalar")


def datetime_text(moment: datetime) -> str:
    """Write an instant read from Transit as RFC 3339."""
    return instant_text(_instant(moment))


def _instant(moment: datetime) -> int:
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _malformed(kind: str, rep: Any) -> MalformedBody:
    return MalformedBody(f"{shown(rep) if isinstance(rep, str) else type(rep).__name__!r} is no {kind}")


def _integer(rep: Any) -> int:
    if type(rep) is str and len(rep) <= DIGITS_MAX:
        if rep.isdecimal() and rep.isascii():  # nearly all; much quicker than the pattern
            return int(rep)
        if _WHOLE(rep):
            return int(rep)
    elif type(rep) is int:
        return rep
    raise _malformed("integer", rep)


def _float(rep: Any) -> float:
    exact = parse_decimal(rep) if isinstance(rep, str) else rep
    if isinstance(exact, int | float | Decimal) and not isinstance(exact, bool):
        try:
            value = float(exact)
        except OverflowError:
            value = math.inf
        if math.isfinite(value):
            return value
    raise _malformed("double", rep)


def _decimal(rep: Any) -> Decimal:
    exact = parse_decimal(rep) if isinstance(rep, str) else None
    if exact is None:
        raise _malformed("decimal", rep)
    return exact


def _special(rep: Any) -> float:
    if isinstance(rep, str) and rep in _SPECIAL:
        return _SPECIAL[rep]
    raise _malformed("special float", rep)


def _boolean(rep: Any) -> bool:
    if isinstance(rep, bool):
        return rep
    if isinstance(rep, str) and rep in _BOOLEANS:
        return _BOOLEANS[rep]
    raise _malformed("boolean", rep)


def _milliseconds(rep: Any) -> datetime:
    milliseconds = _integer(rep)
    try:
        return _EPOCH + timedelta(0, 0, 0, milliseconds)
    except OverflowError as exc:
        raise _malformed("instant of the years 1 to 9999", str(rep)) from exc


def _date_time(rep: Any) -> datetime:
    """Units: microseconds; finer digits are cut, as every destination cuts them."""
    instant = parse_instant(rep) if isinstance(rep, str) else None
    if instant is None:
        raise _malformed("instant", rep)
    seconds, nanoseconds = divmod(instant, NS_PER_S)
    return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1_000)


def _bytes(rep: Any) -> str:
    if isinstance(rep, str) and _BASE64(rep):
        return rep
    raise _malformed("base64", rep)


def _uuid(rep: Any) -> str:
    if isinstance(rep, list) and len(rep) == 2 and all(type(half) is int for half in rep):
        high, low = (half % 2**64 for half in rep)
        digits = f"{high:016x}{low:016x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if isinstance(rep, str) and _UUID(rep.lower()):
        return rep.lower()
    raise _malformed("UUID", rep)


def _text(rep: Any) -> str:
    if isinstance(rep, str):
        return rep
    raise _malformed("text", rep)


def _list(rep: Any) -> list[Any]:
    if isinstance(rep, list):
        return rep
    raise _malformed("list", rep)


def _ratio(rep: Any) -> Decimal | float:
    """A decimal where that is exact, the nearest double elsewhere."""
    if not isinstance(rep, list) or len(rep) != 2 or any(type(part) is not int for part in rep) or not rep[1]:
        raise _malformed("ratio", rep)
    over, under = rep
    try:
        return Context(prec=_RATIO_DIGITS, traps=[Inexact]).divide(Decimal(over), Decimal(under))
    except Inexact:
        pass
    try:
        return float(over / under)
    except OverflowError as exc:
        raise _malformed("ratio that a double can hold", rep) from exc


def _map_of_pairs(rep: Any) -> dict[str, Any]:
    pairs = _list(rep)
    if len(pairs) % 2:
        raise _malformed("list of keys and values", rep)
    return dict(zip(map(key_text, pairs[::2]), pairs[1::2], strict=True))


def _link(rep: Any) -> dict[str, Any]:
    if isinstance(rep, dict):
        return rep
    raise _malformed("map", rep)


TAGS: dict[str, Callable[[Any], Any]] = {
    "_": lambda _: None,
    "?": _boolean,
    "i": _integer,
    "n": _integer,
    "d": _float,
    "f": _decimal,
    "z": _special,
    ":": _text,
    "$": _text,
    "c": _text,
    "r": _text,
    "b": _bytes,
    "u": _uuid,
    "m": _milliseconds,
    "t": _date_time,
    "list": _list,
    "set": _list,
    "array": _list,
    "ratio": _ratio,
    "cmap": _map_of_pairs,
    "link": _link,
}

SCALARS = {f"~{tag}": read for tag, read in TAGS.items() if len(tag) == 1 and tag not in ":$"}
"""How each typed scalar is read from behind its first two characters, but for those that may be cached."""


def alike_scalars(start: str, reps: Sequence[str]) -> list[Any]:
    """
    Read many typed scalars that begin alike.

    Shape: `start` is a key of `SCALARS`, `reps` what stands behind it. Integers and instants, which nearly
    every record has, are looked at together and turned in native code.
    """
    if start in _WHOLE_NUMBERS and all(reps) and max(map(len, reps)) <= _INT64_DIGITS:
        digits = "".join(reps)
        if digits.isdecimal() and digits.isascii():
            whole = list(map(int, reps))
            if start != "~m":
                return whole
            if max(whole) <= _MILLISECONDS_MAX:
                return [_EPOCH + timedelta(0, 0, 0, each) for each in whole]
    return list(map(SCALARS[start], reps))


def alike_or_like_them(start: str, reps: Sequence[str]) -> list[Any]:
    """
    Read many typed scalars that begin alike, for a check that looks at types alone.

    Shape: as above, but instants that are surely sound are one and the same.
    """
    if start == "~m" and all(reps) and max(map(len, reps)) <= _MILLISECONDS_DIGITS_SURE:
        digits = "".join(reps)
        if digits.isdecimal() and digits.isascii():
            return [_EPOCH] * len(reps)
    return alike_scalars(start, reps)


_WHOLE_NUMBERS = frozenset(("~i", "~n", "~m"))
_INT64_DIGITS = 19
_MILLISECONDS_MAX = 253_402_300_799_999  # the end of the year 9999
_MILLISECONDS_DIGITS_SURE = len(str(_MILLISECONDS_MAX)) - 1
