"""Log lines: one JSON object each, on standard error, from us and from the libraries alike.

What is logged of a request: its id, its route, what it was refused for. Never a body, never a key: whatever looks like
one is masked, wherever it comes from.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor

from app.api.front_door import REQUEST_ID
from studyhall import tracing

_LONGEST_VALUE: Final = 1024
_LONGEST_TRACEBACK: Final = 16_384
_SECRETS: Final = (
    (re.compile(r"hps_([0-9A-Za-z]{8})_[0-9A-Za-z]+"), r"hps_\1_…"),
    (re.compile(r"(://[^:/@\s]*:)[^@/\s]+@"), r"\1…@"),  # the password of a URL
    (re.compile(r"(?i)(bearer\s+)[^\s\"',]+"), r"\1…"),
)
_SECRET_NAMES: Final = re.compile(r"(?i)password|secret|token|authorization|cookie")


def configure_logs(level: Literal["debug", "info", "warning", "error"], form: Literal["json", "text"]) -> None:
    """Sets up logging for the whole process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    usual: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        structlog.processors.format_exc_info,  # plain: a traceback with the values of variables would hold secrets
        _mask,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*usual, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=usual,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.INFO))
    for chatty in ("uvicorn.access", "uvicorn.error", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(number, logging.WARNING))
    logging.captureWarnings(True)


def _add_request_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    if (traceparent := tracing.current()) is not None:
        event.setdefault("trace_id", traceparent.split("-")[1])
    return event


def _mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        event[name] = _masked(name, value)
    return event


def _masked(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return "…"
    if isinstance(value, Mapping | MutableMapping):
        return {key: _masked(str(key), each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    for secret, mask in _SECRETS:
        value = secret.sub(mask, value)
    longest = _LONGEST_TRACEBACK if name == "exception" else _LONGEST_VALUE
    return value if len(value) <= longest else value[: longest - 1] + "…"
