"""
Validate: the checks of push, or of batch when the body is one. Source: docs/specs/import-api.md, W35.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.wire.content import JSON
from tidegate.wire.decode import decode_as, text_of


class _Root(msgspec.Struct):
    schema: msgspec.Raw | UnsetType = UNSET
    messages: msgspec.Raw | UnsetType = UNSET


_ROOT = msgspec.json.Decoder(_Root)


def is_batch(body: bytes, media_type: str) -> bool:
    """
    Tell whether a body sent to validate is meant for batch: a JSON object with `schema` or `messages`.

    A body that is malformed is not; push refuses it with the same answer.
    """
    if media_type != JSON:
        return False
    text = text_of(body)
    if text.lstrip(b" \t\r\n")[:1] != b"{":
        return False
    root = decode_as(_ROOT, text)
    return root is not None and (root.schema is not UNSET or root.messages is not UNSET)
