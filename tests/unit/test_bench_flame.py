"""What a profiler saw becomes a picture of where time goes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bench.flame import EDGE, WIDTH, flame

STACKS = """thread (1): MainThread;up (uvicorn/server.py:8);a <b> (tidegate/x.py:7) 60
thread (1): MainThread;main (tidegate/cli/processes.py:219);a <b> (tidegate/x.py:9);c (zlib/z.py:1) 39
thread (13): journal_0;run (threading.py:3);d (tidegate/y.py:1) 300
thread (1): MainThread;e (asyncio/e.py:5) 1
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_samples_are_drawn_by_thread_and_caller_with_their_share() -> None:
    """Widths are shares, lines of one function are one, what launches is left out, names are text."""
    drawn = ET.fromstring(flame("The <gate>", "a machine", STACKS))  # noqa: S314 - made here
    boxes = {each.findtext(f"{SVG}title"): each.find(f"{SVG}rect") for each in drawn.iter(f"{SVG}g")}
    assert [
        "(journal_0): 75.0%",
        "d (tidegate/y.py): 75.0%",
        "(MainThread): 25.0%",
        "a <b> (tidegate/x.py): 24.8%",
        "c (zlib/z.py): 9.8%",
    ] == list(boxes)
    places = {name: box.attrib for name, box in boxes.items() if name is not None and box is not None}
    assert 0.75 * (WIDTH - 2 * EDGE) == float(places["(journal_0): 75.0%"]["width"])
    thread, call = places["(MainThread): 25.0%"], places["a <b> (tidegate/x.py): 24.8%"]
    assert (thread["x"], int(thread["y"]) < int(call["y"])) == (call["x"], True)
    kinds = [each["class"] for each in places.values()]
    assert ["thread", "ours", "thread", "ours", "library"] == kinds


def test_nothing_seen_is_drawn_as_nothing() -> None:
    """A profiler that saw no sample leaves a heading alone."""
    drawn = ET.fromstring(flame("The gate", "a machine", ""))  # noqa: S314 - made here
    assert [] == list(drawn.iter(f"{SVG}rect"))
