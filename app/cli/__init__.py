"""The command line `guanhu`: the third door, beside screens and API.

A module per area lists its commands in `COMMANDS`; a new area is one module and one line here.
"""

from __future__ import annotations

from app.cli import (
    accounts,
    audit,
    check,
    demo,
    evaluate,
    export,
    flow,
    imports,
    incentives,
    jobs,
    packs,
    serving,
    setup,
)
from app.cli.base import Door

AREAS = [
    setup,
    demo,
    serving,
    accounts,
    audit,
    check,
    imports,
    export,
    evaluate,
    incentives,
    jobs,
    packs,
    flow,
]

main = Door(name="guanhu", help="Guanhu 管户: the back office that makes customer policies run.")
for _area in AREAS:
    for _command in _area.COMMANDS:
        main.add_command(_command)
