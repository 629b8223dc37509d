"""Names the machine, because a figure without one means nothing."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

SYNCS = 100
SYNC_BYTES = 4096


def machine(folder: Path) -> dict[str, Any]:
    """Describe this machine and the disk that `folder` is on. Units: as the names say."""
    return {
        "cores": psutil.cpu_count(logical=True),
        "cpu": _cpu(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "filesystem": _filesystem(folder),
        "fdatasync_ms": round(_sync_ms(folder), 3),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _filesystem(folder: Path) -> str:
    """Return kind and device of the file system, by its longest mount point that holds the folder."""
    mounts = [
        each for each in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(each.mountpoint)
    ]
    if not mounts:
        return "unknown"
    found = max(mounts, key=lambda each: len(each.mountpoint))
    return f"{found.fstype} on {found.device}"


def _sync_ms(folder: Path) -> float:
    """Return the median time of a small append with its sync."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            begun = time.perf_counter()
            file.write(b"\0" * SYNC_BYTES)
            getattr(os, "fdatasync", os.fsync)(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)
