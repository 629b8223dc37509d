"""
Table versions: which batches still count, and where an activation ends the older ones.

Source: docs/specs/loading.md, L80 to L85.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.tables import reasons
from tidegate.tables.capabilities import Capabilities
from tidegate.tables.rows import Arrival


@dataclass(slots=True)
class Stretch:
    """
    Batches of one table up to an activation, or to the end of the load.

    Shape: `version` is the active one while they load; `activates` ends the older ones after them, and the
    greater ones too when it is the active one already. `ahead`: they are of greater versions, kept apart.
    """

    version: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    activates: int | None = None
    ahead: bool = False


@dataclass(slots=True)
class Versions:
    """
    The versions of one table during one load.

    Shape: `active` is None for a new table, whose first record says it; `outdated` counts the records of
    older versions; `activated`: another version became the active one. `staged`: records of greater versions
    are kept apart until theirs is activated.
    """

    active: int | None
    outdated: int = 0
    activated: bool = False
    staged: bool = False
    warnings: list[str] = field(default_factory=list)

    def stretches(self, arrivals: Sequence[Arrival], capabilities: Capabilities) -> Iterator[Stretch]:
        """Cut a table's batches at its activations, and leave out those of older versions."""
        stretch, ahead = Stretch(version=self.active or 0), Stretch(ahead=True)
        for arrival in arrivals:
            if self._counts(arrival):
                stretch.version = ahead.version = self.active or 0
                (ahead if self._is_ahead(arrival, capabilities) else stretch).arrivals.append(arrival)
            if arrival.batch.activates and self._activates(arrival.batch.table_version, capabilities):
                yield from _ended(stretch, ahead, self.active)
                stretch, ahead = Stretch(version=self.active or 0), Stretch(ahead=True)
        yield from (each for each in (stretch, ahead) if each.arrivals)

    def _is_ahead(self, arrival: Arrival, capabilities: Capabilities) -> bool:
        version = arrival.batch.table_version
        if not self.staged or version is None:
            return False
        return (self.active or 0) < version <= capabilities.integer_max

    def _counts(self, arrival: Arrival) -> bool:
        version = arrival.batch.table_version
        if not arrival.batch.data:
            return False
        if self.active is None:
            self.active = version or 0
        if version is None or version >= self.active:
            return True
        self.outdated += len(arrival.batch.data)
        return False

    def _activates(self, version: int | None, capabilities: Capabilities) -> bool:
        if self.active is None:
            return False  # there is no table to activate it for
        if version is None:
            self.warnings.append(reasons.ACTIVATION_OF_NONE)
            return False
        if version < self.active or version > capabilities.integer_max:
            self.warnings.append(reasons.activation_ignored(version, self.active))
            return False
        self.activated = self.activated or version > self.active
        self.active = version
        return True


def _ended(stretch: Stretch, ahead: Stretch, activates: int | None) -> Iterator[Stretch]:
    """Return what stands before an activation; what is kept apart must be there before it."""
    if not ahead.arrivals:
        stretch.activates = activates
        yield stretch
        return
    if stretch.arrivals:
        yield stretch
    yield ahead
    yield Stretch(version=stretch.version, activates=activates)
