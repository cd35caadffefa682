"""Structured logs: one JSON object a line, with no full telephone number and no line break inside."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from facts.masking import mask_number

# Mobile numbers and area-code numbers; a Uniqueid (epoch seconds after a dash) is neither.
_TELEPHONE = re.compile(r"(?<![\d.-])(?:(?:\+?86)?1[3-9]\d{9}|0\d{9,11})(?!\d)")
#: names of warnings that are counted; beyond that counting begins anew
_FLOOD_KEYS = 1000
_BREAKS = re.compile(r"[\r\n\x00]+")
#: what PostgreSQL adds to an error: the row that it refused, with all that is in it
_ROW = re.compile(r"\b(DETAIL|CONTEXT):  .*")


def clean(value: Any) -> Any:
    """A value as a log may show it: numbers masked, rows that a database refused and line breaks gone.

    >>> clean("caller 13997361508\\r\\nforged")
    'caller 139****1508 forged'
    >>> clean("city-1763683200.7")
    'city-1763683200.7'
    """
    if isinstance(value, str):
        value = _ROW.sub(r"\1: …", value)
        return _BREAKS.sub(" ", _TELEPHONE.sub(lambda number: mask_number(number.group()), value))
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item) for item in value]
    return value


def _cleaned(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: clean(value) for key, value in event.items()}


class Flood(logging.Filter):
    """Keeps a warning that comes again and again (a port scan) from filling the disk.

    Each warning or error of one logger and name passes ``most`` times in ``within_s``; the first
    one after that says how many were held back.
    """

    def __init__(self, most: int = 30, within_s: float = 60.0) -> None:
        super().__init__()
        self._most = most
        self._within_s = within_s
        #: logger and name → begin of its window, how many came since
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is written."""
        if record.levelno < logging.WARNING:
            return True
        event = record.msg if isinstance(record.msg, dict) else None
        key = (record.name, str(event["event"] if event and "event" in event else record.msg))
        began, count = self._seen.get(key, (record.created, 0))
        held = 0
        if record.created - began > self._within_s:
            began, count, held = record.created, 0, max(0, count - self._most)
        if len(self._seen) >= _FLOOD_KEYS:
            self._seen.clear()
        self._seen[key] = began, count + 1
        if held and event is not None:
            event["held_back"] = held
        elif held:
            record.msg, record.args = f"{record.getMessage()} ({held} more were held back)", ()
        return count < self._most


def set_up_logs(role: str, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to stderr (or a stream) as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _cleaned,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # named, because a command line that wants silence has configured another before
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    handler.addFilter(Flood())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("panoramisk", "httpx", "asyncio", "procrastinate.worker", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(role=role)


def set_up_file_logs(role: str, folder: Path) -> None:
    """The same for a command whose console belongs to a person: its log goes to ``FOLDER/ROLE.log``."""
    set_up_logs(role, stream=(folder / f"{role}.log").open("a", encoding="utf-8"))
