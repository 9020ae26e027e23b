"""What the server writes for those who run it: one line an event on standard error, as text or JSON (`GUANHU_LOG`)."""

from __future__ import annotations

import logging
import sys

import structlog

LEVEL = logging.INFO
QUIET = ("alembic", "sqlalchemy", "PIL", "huey")
"""Libraries whose everyday chatter nobody needs."""


def configure(style: str) -> None:
    """Send every logger's lines to standard error in this style; `json` gives one object a line, UTC.

    A traceback names lines, never the values of variables: those may be somebody's data.
    """
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ends: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        ends += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        ends += [
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=ends))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(LEVEL)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def take_over_gunicorn() -> None:
    """Gunicorn's worker tells through our handler too."""
    logger = logging.getLogger("gunicorn.error")
    logger.handlers = []
    logger.propagate = True
