"""
Batch: records for one table, with a JSON Schema. Source: docs/specs/import-api.md, W40 to W49.

What was seen before is decoded into the types of its layout, and that is all. What a layout does not take is
decoded into `_BodyToCheck` and looked at in columns, with a validator made once for each schema; whatever
that does not take goes to `batch_rules`, which accepts it after all or names what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.decimals import exact_number
from tidegate.errors import MalformedBody
from tidegate.records import Batch, Record, UnreadRecords
from tidegate.wire import batch_rules
from tidegate.wire.bounds import (
    DATA_POINTS_MAX,
    INT64_MAX,
    INT64_MIN,
    KEY_CHARS_MAX,
    RECORDS_MAX,
    check_depth,
    data_points,
    nested_opens,
)
from tidegate.wire.decode import decode_as, decode_exact, text_of
from tidegate.wire.layouts import Layouts
from tidegate.wire.pieces import PIECE_BYTES, first_with_too_many_points, hold_weight, pieces
from tidegate.wire.schemas import CompiledSchema, SchemaCache


class Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One element of `messages`."""

    action: Literal["upsert", "activate_version", "switch_view"]
    sequence: int
    data: dict[str, Any] | UnsetType = UNSET
    time_extracted: str | UnsetType = UNSET


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A batch body, but for its schema."""

    table_name: str
    messages: list[Message]
    key_names: list[str] | UnsetType = UNSET
    table_version: int | UnsetType = UNSET
    bookmark_names: list[str] | UnsetType = UNSET


class _BodyToCheck(_Body):
    """The schema stays bytes: they are the key under which its validator is kept."""

    schema: msgspec.Raw


class _CutMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message whose data stays bytes."""

    action: Literal["upsert", "activate_version", "switch_view"]
    sequence: int
    data: msgspec.Raw | UnsetType = UNSET
    time_extracted: str | UnsetType = UNSET


class _BodyToCut(_Body):
    """A large body, whose records become objects a few at a time."""

    schema: msgspec.Raw
    messages: list[_CutMessage]  # type: ignore[assignment]  # the same but for data


class _BodyToRead(_Body):
    schema: dict[str, Any]


class _BodyToReadLater(_BodyToRead):
    messages: list[_CutMessage]  # type: ignore[assignment]  # the same but for data


_TO_CHECK = msgspec.json.Decoder(_BodyToCheck, float_hook=exact_number)
_TO_CUT = msgspec.json.Decoder(_BodyToCut)
_DATA = msgspec.json.Decoder(list[dict[str, Any]], float_hook=exact_number)
_TO_READ_LATER = msgspec.json.Decoder(_BodyToReadLater, float_hook=exact_number)
_TO_READ = msgspec.json.Decoder(_BodyToRead, float_hook=exact_number)
_KEY_KINDS = frozenset((str, int, float, bool, Decimal))


class BatchChecker:
    """
    Checks batch bodies; keeps the validators of the schemas seen last. Two threads may use it when `learning`
    is a lock.

    Units: `schemas_max` schemas, `schema_bytes_max` bytes of one schema, `cached_bytes_max` bytes of all.
    """

    def __init__(
        self,
        *,
        schemas_max: int = 512,
        schema_bytes_max: int = 2_000_000,
        cached_bytes_max: int = 8_000_000,
        learning: AbstractContextManager[object] | None = None,
    ) -> None:
        self._schemas = SchemaCache(
            schemas_max=schemas_max, schema_bytes_max=schema_bytes_max, cached_bytes_max=cached_bytes_max
        )
        self._layouts = Layouts(nullcontext() if learning is None else learning)

    def check(self, body: bytes) -> int:
        """
        Check a batch body and return how many messages it has.

        Errors: MalformedBody, BatchRefused.
        """
        text = text_of(body)
        count = self._short_way(text) if len(text) <= PIECE_BYTES else self._in_pieces(text)
        if count is None:
            hold_weight(text)
            count = batch_rules.check_values(decode_exact(text), self._schemas, text)
        return count

    def _short_way(self, text: bytes) -> int | None:
        """Return the number of messages when every rule is kept; None when unsure."""
        count = self._layouts.count(text)
        if count is not None:
            return count
        body = decode_as(_TO_CHECK, text)
        if body is None or not _envelope_holds(body):
            return None
        raw = bytes(body.schema)
        schema = self._schemas.get(raw)
        key_names = body.key_names or ()
        data = [message.data for message in body.messages if message.action == "upsert"]
        if (
            schema is None
            or not schema.is_affordable(text, len(data))
            or not schema.properties.issuperset(key_names)
            or not _data_holds(text, body, data)
            or not _surely_hold(data, key_names, schema)
        ):
            return None
        self._layouts.learn(text, raw, schema.source, key_names)
        return len(body.messages)

    def _in_pieces(self, text: bytes) -> int | None:
        """
        Check a large body, the short way or the careful way for each piece of it.

        Shape: as `_short_way`. Errors: BatchRefused, MalformedBody.
        """
        body = decode_as(_TO_CUT, text)
        if body is None or not _envelope_holds(body):
            return None
        raw = bytes(body.schema)
        schema = self._schemas.get(raw)
        if schema is None:
            return None
        key_names = body.key_names or ()
        places = [place for place, message in enumerate(body.messages) if message.action == "upsert"]
        cut = [each.data for each in body.messages if isinstance(each.data, msgspec.Raw)]
        schema.hold_affordable(text, len(cut))
        batch_rules.check_key_names(key_names, schema)
        if (number := first_with_too_many_points(cut)) is not None:
            batch_rules.refuse_points(places[number])
        layout = self._layouts.of(text, raw, schema.source, key_names)
        longest = max(map(len, cut), default=0)
        for begin, piece in pieces(cut):
            if layout is not None and layout.takes(piece, longest):
                continue
            data = decode_as(_DATA, piece)
            if data is None:
                return None
            check_depth(data)
            small = all(data_points(each) <= DATA_POINTS_MAX for each in data)
            if not small or not _surely_hold(data, key_names, schema):
                for number, each in enumerate(data, begin):
                    batch_rules.check_record(places[number], each, key_names, schema)
        return len(body.messages)


def read_batch(body: bytes) -> list[Batch]:
    """
    Read a batch body that was accepted.

    Shape: one batch, or several when activations stand between the upserts. An activation in a body without
    `table_version` changes nothing. Errors: a Refusal when the body was never accepted.
    """
    text = text_of(body)
    read = decode_as(_TO_READ, text)
    if read is None or not _envelope_holds(read):
        values = decode_exact(text)
        batch_rules.check_envelope(values)
        read = msgspec.convert(values, _BodyToRead)
    return _batches(read)


def read_batch_later(body: bytes) -> list[Batch]:
    """Read a batch body as above, but leave its records unread; they are sound if they were accepted."""
    read = decode_as(_TO_READ_LATER, text_of(body))
    return _batches(read) if read is not None and _envelope_holds(read) else read_batch(body)


def _read_records(texts: Sequence[Any]) -> list[Record]:
    """Errors: MalformedBody when one was never accepted."""
    data = decode_as(_DATA, b"[%b]" % b",".join(texts))
    if data is None:
        raise MalformedBody("a record that was accepted cannot be read")
    return data


def _envelope_holds(body: _Body) -> bool:
    version = body.table_version
    messages = body.messages
    if not body.table_name or not 1 <= len(messages) <= RECORDS_MAX:
        return False
    if version is not UNSET and not INT64_MIN <= version <= INT64_MAX:
        return False
    sequences = [message.sequence for message in messages]
    if min(sequences) < INT64_MIN or max(sequences) > INT64_MAX:
        return False
    return all(
        (message.data is not UNSET)
        if message.action == "upsert"
        else (message.data is UNSET and message.time_extracted is UNSET)
        for message in messages
    )


def _surely_hold(data: Sequence[Any], key_names: Sequence[str], schema: CompiledSchema) -> bool:
    """Tell whether records keep the rules about keys and their schema; False when unsure."""
    return all(_key_holds(name, data) for name in key_names) and schema.are_surely_valid(data)


def _key_holds(name: str, data: Sequence[Any]) -> bool:
    """Tell whether a key is in every record, is a scalar, and is not too long."""
    values = [each.get(name) for each in data]
    kinds = set(map(type, values))
    if not kinds <= _KEY_KINDS:
        return False
    return str not in kinds or all(len(value) <= KEY_CHARS_MAX for value in values if type(value) is str)


def _data_holds(text: bytes, body: _BodyToCheck, data: Sequence[Any]) -> bool:
    """Tell whether no record has too many data points. Errors: MalformedBody when one is too deep."""
    lists = (body.key_names is not UNSET) + (body.bookmark_names is not UNSET)
    accounted = 2 + lists + nested_opens(bytes(body.schema), 0) + len(body.messages) + len(data)
    if nested_opens(text, accounted) > 0:
        check_depth(data)
        return text.count(b",") < DATA_POINTS_MAX or all(
            data_points(each) <= DATA_POINTS_MAX for each in data
        )
    return max(map(len, data), default=0) <= DATA_POINTS_MAX


def _batches(body: _BodyToRead) -> list[Batch]:
    """Cut the messages behind each activation that has a version to activate."""
    version = None if body.table_version is UNSET else body.table_version
    messages = body.messages
    ends = [] if version is None else [i for i, each in enumerate(messages) if each.action != "upsert"]
    if not ends or ends[-1] != len(messages) - 1:
        ends.append(len(messages) - 1)
    batches = []
    start = 0
    for end in ends:
        places = [i for i in range(start, end + 1) if messages[i].action == "upsert"]
        activates = version is not None and messages[end].action != "upsert"
        batches.append(_batch(body, version, places, activates))
        start = end + 1
    return batches


def _batch(body: _BodyToRead, version: int | None, places: Sequence[int], activates: bool) -> Batch:
    messages = [body.messages[place] for place in places]
    data: list[Any] = [each.data for each in messages if each.data is not UNSET]
    extracted = [None if each.time_extracted is UNSET else each.time_extracted for each in messages]
    return Batch(
        table_name=body.table_name,
        key_names=tuple(dict.fromkeys(body.key_names or ())),
        schema=body.schema,
        table_version=version,
        bookmark_names=tuple(body.bookmark_names or ()),
        sequences=[each.sequence for each in messages],
        data=UnreadRecords(data, _read_records) if isinstance(body, _BodyToReadLater) else data,
        places=places,
        extracted=extracted if any(extracted) else None,
        activates=activates,
    )
