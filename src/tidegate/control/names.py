"""
Names that people give to things: free text within bounds.

They are kept as they were sent and name nothing: ids, schema names and sign-in names do, and those are ASCII.
So names that look alike, or are the same, harm nobody.
"""

from __future__ import annotations

import unicodedata

NAME_CHARS_MAX = 255

_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that break lines or are none: controls, surrogates, separators of lines."""

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, so that a line of a list reads as another."""


def shown_name(text: str) -> str:
    """Return a text that is no name as an error may repeat it: cut, and without what nothing can print."""
    return text[:NAME_CHARS_MAX].encode(errors="replace").decode()


def is_name(text: str, *, empty: bool = False) -> bool:
    """Tell whether a text may be a name: something to see, of 255 characters at most, on one line."""
    if len(text) > NAME_CHARS_MAX or not (empty or text.strip()):
        return False
    return not any(each in _TURNING or unicodedata.category(each) in _UNSEEN for each in text)
