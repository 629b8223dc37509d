"""Progress as text, the way the control store keeps it for the case that a warehouse cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tidegate.tables.model import Held, Progress


def as_text(progress: Progress, journal_id: str) -> str:
    """Shape: progress with a journal -> JSON."""
    held = [asdict(each) for each in progress.held]
    return json.dumps({"journal_id": journal_id, "upto": progress.upto, "held": held})


def from_text(text: str | None, journal_id: str) -> Progress | None:
    """Shape: what `as_text` made -> progress; None when there is nothing, or of another journal."""
    if text is None:
        return None
    found = json.loads(text)
    if found["journal_id"] != journal_id:
        return None
    return Progress(found["upto"], tuple(Held(**each) for each in found["held"]))


def furthest(known: Sequence[Progress | None]) -> Progress | None:
    """Return the progress that is furthest, the first of several; None when nothing is known."""
    return max((each for each in known if each is not None), key=lambda each: each.upto, default=None)
