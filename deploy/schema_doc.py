"""Write docs/schema.md from the models: every table with its fields in both languages, and which of the catalogue exist."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import inspect

from app.models import Model
from app.services.access import mappers
from app.services.fields import fields_of

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "schema.md"

CATALOGUE = [
    "org_unit",
    "position",
    "employee",
    "lookup",
    "parameter",
    "schedule_rule",
    "policy_document",
    "audit_log",
    "data_request",
    "customer",
    "contact",
    "info_item",
    "customer_info",
    "classification_scheme",
    "classification_value",
    "value_policy",
    "customer_classification",
    "threshold_rule",
    "market_info",
    "competitor",
    "opportunity",
    "plan",
    "target",
    "interaction",
    "visit",
    "event",
    "participant",
    "feedback",
    "task",
    "task_update",
    "product",
    "sales_document",
    "trade_line",
    "shipment",
    "account_entry",
    "commercial_term",
    "admission",
    "contract",
    "service_case",
    "need",
    "project",
    "indicator",
    "eval_scheme",
    "scheme_indicator",
    "eval_run",
    "eval_result",
    "eval_score",
    "form_template",
    "form_item",
    "form_response",
    "form_answer",
    "reward_penalty",
    "report",
    "risk",
    "inspection",
    "notice",
    "approval_flow",
    "approval_step",
    "approval_request",
    "approval_action",
    "attachment",
]
"""The 61 tables the requirements name."""

ELSEWHERE = {
    "indicator": "in the body of `eval_scheme_version`, over `eval_measure`",
    "scheme_indicator": "in the body of `eval_scheme_version`",
    "eval_score": "the slots of `eval_result`",
}


def text() -> str:
    """The whole page."""
    tables = {mapper.class_.__tablename__: mapper.class_ for mapper in mappers()}
    parts = [
        "# The schema",
        "",
        "Written by `python deploy/schema_doc.py` from `app/schema/`; a test keeps it fresh.",
        "",
        f"{len(tables)} tables of ours beside those of Flask-AppBuilder (`ab_…`).",
        "",
        "## The catalogue's tables",
        "",
        "| table | stands |",
        "|---|---|",
        *(f"| {name} | {_stands(name, tables)} |" for name in CATALOGUE),
        "",
    ]
    for name in [table.name for table in Model.metadata.sorted_tables if table.name in tables]:
        parts += _table(name, tables[name])
    return "\n".join(parts)


def _stands(name: str, tables: dict[str, type]) -> str:
    if name in tables:
        return "yes"
    return ELSEWHERE.get(name, "not yet")


def _table(name: str, model: type) -> list[str]:
    label = getattr(model, "__label__", None)
    words = f" · {label[0]} · {label[1]}" if label else ""
    first = (model.__doc__ or "").strip().split("\n")[0]
    rows = [
        f"| {field.name} | {field.kind.value} | {field.label.zh} | {field.label.en} | {'required' if field.required else ''} |"
        for field in fields_of(model)
    ]
    rules = [
        f"- {message.en} ({message.zh})"
        for constraint in sorted(inspect(model).local_table.constraints, key=lambda one: str(one.name))
        if (message := constraint.info.get("message"))
    ]
    head = [f"## {name}{words}", "", first, "", f"Rows: {model.__rows__.value}.", ""]
    table = ["| field | kind | zh | en | |", "|---|---|---|---|---|", *rows, ""] if rows else []
    return [*head, *table, *rules, *([""] if rules else [])]


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)} written\n")
