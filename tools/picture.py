"""
Draw docs/images/first-minute.svg: the first minute with Tidegate, from a real run.

Starts the product in a temporary folder, pastes the printed lines, and draws what a terminal shows. Run it by
hand (`.venv/bin/python -m tools.picture`) when the greeting or the table's looks change.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "first-minute.svg"
TIDEGATE = ROOT / ".venv" / "bin" / "tidegate"
COLUMNS = 104


def main() -> int:
    """Run the first minute and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        shown = first_minute(Path(folder))
    console = Console(record=True, width=COLUMNS, file=sys.stderr, force_terminal=True)
    for style, line in shown:
        console.print(Text(line, style=style), soft_wrap=True)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    # The web font that rich would name is left out: a picture of ours asks nobody for anything.
    svg = console.export_svg(title="Tidegate: the first minute")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    return 0


def first_minute(folder: Path) -> list[tuple[str, str]]:
    """Return the lines of the picture, each with its style."""
    serving = subprocess.Popen(
        [TIDEGATE, "serve"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        if serving.stdout is None:
            return []
        printed = ""
        while " sql '" not in printed:
            printed += serving.stdout.readline()
        curl = re.search(r"  (curl .*?\n(?:    .*\n)*)", printed)
        command = "" if curl is None else curl[1].rstrip()
        answer = _output(["bash", "-c", command.replace("curl ", "curl -s --noproxy '*' ", 1)], folder)
        query = "SELECT id, greeting, _sdc_sequence, _sdc_received_at FROM hello"
        table = ""
        while "tide" not in table:
            time.sleep(0.2)
            table = _output([TIDEGATE, "sql", query, "--format", "table"], folder)
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(20)
    hidden = re.sub(r"at_[\w-]{20,}", "at_kK3...", command)
    lines = hidden.splitlines()
    about = [line for line in printed.splitlines() if "listens" in line]
    return [
        ("bold green", "$ make serve"),
        *(("", line) for line in about),
        ("", ""),
        ("bold green", f"$ {lines[0]}"),
        *(("green", line) for line in lines[1:]),
        ("", answer),
        ("", ""),
        ("bold green", f"$ tidegate sql '{query}'"),
        *(("", line) for line in table.rstrip().splitlines()),
    ]


def _output(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


if __name__ == "__main__":
    if not shutil.which("curl"):
        sys.exit("curl is needed")
    sys.exit(main())
