"""
Log lines on standard error: JSON for machines, coloured for a terminal; never a token, never a body.

Imports nothing of ours. Every process calls `open_log` once and hands the logger down.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    Log = FilteringBoundLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
"""Level names of the settings and their numbers."""


GATHER_S = 0.05
"""How much later gathered lines are written at most."""

GATHERED_MAX = 2_000
"""Most lines that wait: half a megabyte, and several times what one process writes in that time."""

WRITE_BYTES_MAX = 4_096
"""Most that is written at once: up to this, what several processes write to one pipe stays whole."""


def open_log(*, log_format: str, log_level: str, process: str, gathered: bool = False) -> Log:
    """
    Return the logger of one process; standard library loggers (uvicorn's) end in it too.

    Shape: `log_format` is json, pretty or auto (pretty on a terminal); `process` names the part in each line.
    `gathered`: JSON lines are written together, at most `GATHER_S` later; for a process with thousands a
    second, where each write would cost as much as a tenth of a request.
    """
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    level = LEVELS[log_level]
    before: list[Processor]
    factory: Any
    if pretty:
        before = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(pad_event_to=10),
        ]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    else:
        before = [_as_json_line]
        lines = _Gathered(sys.stderr.buffer) if gathered else sys.stderr.buffer
        factory = structlog.BytesLoggerFactory(cast("BinaryIO", lines))
    log = structlog.wrap_logger(
        factory(),
        processors=before,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        process=process,
    ).bind()  # what `wrap_logger` returns puts itself together anew for each line
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_Forward(cast("Log", log))], force=True)
    return cast("Log", log)


def _as_json_line(logger: WrappedLogger, name: str, event: EventDict) -> bytes:
    """Do in one step, for a gate's thousands of lines a second, what structlog has a processor each for."""
    event["level"] = name
    event["timestamp"] = datetime.now(UTC)
    if "exc_info" in event:
        event = structlog.processors.format_exc_info(logger, name, event)
    return _ENCODE(event)


_ENCODE = msgspec.json.Encoder(enc_hook=str).encode


class _Gathered:
    """The part of a binary file that a logger needs; what is written waits a moment for more."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines: deque[bytes] = deque()
        self._writing = Lock()
        self._come = Event()
        Thread(target=self._write_on, name="log", daemon=True).start()
        atexit.register(self._write)

    def write(self, line: bytes) -> None:
        """Take a line."""
        self._lines.append(line)
        if len(self._lines) > GATHERED_MAX:
            self._write()  # whoever reads the log is slower than we are, and sets the pace from here on
        if not self._come.is_set():
            self._come.set()

    def flush(self) -> None:
        """Leave it to the moment."""

    def _write_on(self) -> None:
        while True:
            self._come.wait()
            time.sleep(GATHER_S)
            self._come.clear()
            self._write()

    def _write(self) -> None:
        with self._writing:
            while self._lines:
                lines = [self._lines.popleft()]
                size = len(lines[0])
                while self._lines and (size := size + len(self._lines[0])) <= WRITE_BYTES_MAX:
                    lines.append(self._lines.popleft())
                with suppress(OSError, ValueError):  # nobody reads the log any more
                    self._file.write(b"".join(lines))
                    self._file.flush()


class _Forward(logging.Handler):
    """Passes lines of standard library loggers on."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
