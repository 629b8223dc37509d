"""Draws where a process spends its time, from what a sampling profiler saw: callers above, callees below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, EDGE, TOP, ROW = 1_100, 10, 76, 18
CHARACTER = 6.3
"""How wide a character of a label is, about."""

SHARE_MIN = 0.004
"""Calls that take less of all samples than this are left out; the space they leave shows that."""

DEPTH_MAX = 24
"""Calls deeper than this are left out too: imports stand a hundred deep."""

_LINE = re.compile(r":\d+\)$")
_THREAD = re.compile(r"thread \(.*?\): ")
_LAUNCHING = (
    *("<frozen runpy>", "tidegate/cli/", "run (tidegate/gate/server.py", "threading.py"),
    *("uvicorn/server.py", "uvicorn/_compat.py", "asyncio/runners.py"),
)
"""Where a stack begins in every sample alike."""

_WAITING = re.compile(
    r"(?:_worker \(concurrent/|(?:Condition|Event)\.wait \(|_Gathered\._write\w* \(|\w*Selector\.select \()"
)
"""Where a thread waits for work, which a profiler cannot always tell from working."""

_KINDS = {"tidegate/": "ours", "uvicorn/": "server", "asyncio/": "server", "(": "thread"}

STYLE = """
text { font: 11px ui-monospace, monospace; fill: #1f2933; }
.title { font: 600 16px system-ui, sans-serif; } .small { font: 11px system-ui, sans-serif; fill: #52606d; }
rect { stroke: #ffffff; stroke-width: 0.5; }
.ours { fill: #8fd3cc; } .server { fill: #f3d9a4; } .library { fill: #cbd2d9; } .thread { fill: #e4e7eb; }
@media (prefers-color-scheme: dark) {
  text { fill: #f5f7fa; } .small { fill: #9aa5b1; } rect { stroke: #1f2933; }
  .ours { fill: #0f6b66; } .server { fill: #8d6318; } .library { fill: #52606d; } .thread { fill: #3e4c59; }
}
"""


@dataclass(slots=True)
class Call:
    """A function called from one chain of callers. `samples` are those with it and all that it called."""

    name: str
    samples: int = 0
    calls: dict[str, Call] = field(default_factory=dict)


def flame(title: str, about: str, stacks: str) -> str:
    """
    Return samples as a picture that needs no program to show; resting on a call tells its share.

    Shape: `stacks` has a line for each kind of sample, `caller;called count`, as `py-spy record --format raw`
    writes them -> SVG.
    """
    root = _gathered(stacks)
    drawn = list(_drawn(root, 0, 0, root.samples))
    height = TOP + ROW * (1 + max((depth for _, depth, _ in drawn), default=0)) + EDGE
    legend = "width is time; callers stand above what they call; green is Tidegate, sand the HTTP server and"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{EDGE}" y="26">{escape(title)}</text>',
        f'<text class="small" x="{EDGE}" y="46">{escape(about)}</text>',
        f'<text class="small" x="{EDGE}" y="62">{root.samples:,} samples; {legend} its loop</text>',
    ]
    for call, depth, start in drawn:
        parts += _box(call, depth, start, root.samples)
    return "\n".join([*parts, "</svg>", ""])


def _gathered(stacks: str) -> Call:
    """Return all samples as one tree, whose first level are the threads."""
    root = Call("all")
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        if _WAITING.match(stack.rpartition(";")[2]):
            continue
        call = root
        call.samples += int(count)
        for name in _names(stack.split(";")):
            call = call.calls.setdefault(name, Call(name))
            call.samples += int(count)
    return root


def _names(frames: Sequence[str]) -> Iterator[str]:
    """Yield the thread, and its functions from the first that differs between samples."""
    yield f"({_THREAD.sub('', frames[0])})"
    began = False
    for frame in frames[1:]:
        began = began or not any(file in frame for file in _LAUNCHING)
        if began:
            yield _LINE.sub(")", frame)


def _drawn(call: Call, depth: int, start: int, whole: int) -> Iterator[tuple[Call, int, int]]:
    """Yield what is large enough to be seen: calls, how deep, and after how many samples from the left."""
    for inner in sorted(call.calls.values(), key=lambda each: -each.samples):
        if inner.samples >= SHARE_MIN * whole and depth < DEPTH_MAX:
            yield inner, depth, start
            yield from _drawn(inner, depth + 1, start, whole)
        start += inner.samples


def _box(call: Call, depth: int, start: int, whole: int) -> Sequence[str]:
    scale = (WIDTH - 2 * EDGE) / whole
    x, y, width = EDGE + start * scale, TOP + depth * ROW, call.samples * scale
    file = call.name.rpartition(" (")[2]
    kind = next((each for begin, each in _KINDS.items() if file.startswith(begin)), "library")
    fits = int((width - 6) / CHARACTER)
    label = call.name if len(call.name) <= fits else call.name.partition(" (")[0]
    label = label if len(label) <= fits else f"{label[: fits - 1]}…" if fits >= 4 else ""
    place = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}"'
    said = f"{escape(call.name)}: {call.samples / whole:.1%}"
    return [
        f'<g><title>{said}</title><rect class="{kind}" {place}/>',
        f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(label)}</text></g>' if label else "</g>",
    ]
