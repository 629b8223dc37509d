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
    greater ones too when it is the active one already.
    """

    version: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    activates: int | None = None


@dataclass(slots=True)
class Versions:
    """
    The versions of one table during one load.

    Shape: `active` is None for a new table, whose first record says it; `outdated` counts the records of
    older versions; `activated`: another version became the active one.
    """

    active: int | None
    outdated: int = 0
    activated: bool = False
    warnings: list[str] = field(default_factory=list)

    def stretches(self, arrivals: Sequence[Arrival], capabilities: Capabilities) -> Iterator[Stretch]:
        """Cut a table's batches at its activations, and leave out those of older versions."""
        stretch = Stretch(version=self.active or 0)
        for arrival in arrivals:
            if self._counts(arrival):
                stretch.arrivals.append(arrival)
                stretch.version = self.active or 0
            if arrival.batch.activates and self._activates(arrival.batch.table_version, capabilities):
                stretch.activates = self.active
                yield stretch
                stretch = Stretch(version=self.active or 0)
        if stretch.arrivals:
            yield stretch

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
