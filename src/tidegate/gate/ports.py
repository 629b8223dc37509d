"""What the gate needs from the parts around it, and the shapes of ASGI it speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol

from tidegate.control.grants import Grant
from tidegate.journal.base import Placed
from tidegate.records import Request

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Grants(Protocol):
    """Knows which access tokens are good, as of its last look at the control store."""

    def known(self, token: str, now_ms: int) -> tuple[Grant | None, float]:
        """Return what the token allows, and how many seconds ago that was so. Waits for nothing."""
        ...

    def look(self) -> None:
        """Look again; may be called from any thread. Errors: ControlError when the store cannot be asked."""
        ...


class Appends(Protocol):
    """The one thing the gate does with a journal."""

    def append(self, requests: Sequence[Request]) -> Sequence[Placed]:
        """Put requests at the end, all or none, durable on return. See `tidegate.journal.base`."""
        ...
