"""
Log lines on standard error: JSON for machines, coloured for a terminal; never a token, never a body.

Imports nothing of ours. Every process calls `open_log` once and hands the logger down.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, cast

import msgspec
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

    Log = FilteringBoundLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
"""Level names of the settings and their numbers."""


def open_log(*, log_format: str, log_level: str, process: str) -> Log:
    """
    Return the logger of one process; standard library loggers (uvicorn's) end in it too.

    Shape: `log_format` is json, pretty or auto (pretty on a terminal); `process` names the part in each line.
    """
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    level = LEVELS[log_level]
    before: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    factory: Any
    if pretty:
        before.append(structlog.dev.ConsoleRenderer(pad_event_to=10))
        factory = structlog.PrintLoggerFactory(sys.stderr)
    else:
        before += [structlog.processors.format_exc_info, _as_json_line]
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    log = structlog.wrap_logger(
        factory(),
        processors=before,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        process=process,
    ).bind()  # what `wrap_logger` returns puts itself together anew for each line
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_Forward(cast("Log", log))], force=True)
    return cast("Log", log)


def _as_json_line(_logger: WrappedLogger, _name: str, event: EventDict) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


class _Forward(logging.Handler):
    """Passes lines of standard library loggers on."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
