"""The single import path, for screen, API and command line: open, judge, keep, write, give back what was refused."""

from app.services import customer_rules, extra_definitions, order_days, stages
from app.services.imports.applying import apply, cancel
from app.services.imports.checking import Checked, Plan
from app.services.imports.editing import judge_edit, offered, stage_edit
from app.services.imports.mapping import Column, Wish
from app.services.imports.rejects import (
    notes_of,
    refused_rows,
    sentence_of,
    write_checked,
    write_refused,
    write_template,
)
from app.services.imports.resources import Resource, importable, resource
from app.services.imports.staging import Counts, Opened, Order, Progress, dry_run, open_file, stage, upload
from app.services.imports.undoing import undo

RULES = (customer_rules, extra_definitions, order_days, stages)
"""Modules whose rules must be known before a file is judged, or a record written by any other door."""

__all__ = [
    "RULES",
    "Checked",
    "Column",
    "Counts",
    "Opened",
    "Order",
    "Plan",
    "Progress",
    "Resource",
    "Wish",
    "apply",
    "cancel",
    "dry_run",
    "importable",
    "judge_edit",
    "notes_of",
    "offered",
    "open_file",
    "refused_rows",
    "resource",
    "sentence_of",
    "stage",
    "stage_edit",
    "undo",
    "upload",
    "write_checked",
    "write_refused",
    "write_template",
]
