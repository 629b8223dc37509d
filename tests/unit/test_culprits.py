"""Finding the records that a warehouse refuses."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tidegate.loader.culprits import REHEARSALS_MAX, find_culprits


@given(suspects=st.sets(st.integers(), max_size=300).map(sorted), data=st.data())
def test_exactly_the_records_at_fault_are_found(suspects: list[int], data: st.DataObject) -> None:
    """Whichever few records are bad, those are found, each with its own reason, and no others."""
    bad = set(data.draw(st.lists(st.sampled_from(suspects), max_size=5))) if suspects else set()

    def reason_without(some: Sequence[int]) -> str | None:
        worst = sorted(bad & set(some))
        return f"refused {worst[0]}" if worst else None

    assert {each: f"refused {each}" for each in bad} == find_culprits(suspects, reason_without)


def test_a_load_refused_whatever_it_holds_is_no_records_fault() -> None:
    """When every record seems to be at fault the search ends, and nothing is rejected for it."""
    rehearsals = 0

    def reason_without(_some: Sequence[int]) -> str:
        nonlocal rehearsals
        rehearsals += 1
        return "refused"

    assert {} == find_culprits(range(100_000), reason_without)
    assert REHEARSALS_MAX == rehearsals
