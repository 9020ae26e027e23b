"""The screens. Each area's module names its views; they appear on the menu in the order given here."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from app.roles import Act
from app.services import access
from app.services.fields import labels_of
from app.views import (
    account,
    approvals,
    approvals_standins,
    attachments,
    bulk,
    comparisons,
    customers,
    dealings,
    duplicates,
    evaluation,
    exports,
    flow_design,
    hearing,
    home,
    imports,
    incentives,
    pickers,
    plans,
    saved_views,
    scheme_parts,
    schemes,
    scoring,
    settings,
    trade,
    visits,
)
from app.views.base import RecordView, fragment
from app.views.menu import Entry, add, menu_of
from app.words import Words

VIEWS: tuple[type[RecordView], ...] = (
    *customers.VIEWS,
    *trade.VIEWS,
    *visits.VIEWS,
    *approvals_standins.VIEWS,
    *incentives.VIEWS,
    *dealings.VIEWS,
    *plans.VIEWS,
    *hearing.VIEWS,
    *settings.VIEWS,
    *exports.VIEWS,
)
OTHERS: tuple[type[Any], ...] = (
    account.AccountView,
    home.HomeView,
    approvals.ApprovalView,
    attachments.AttachmentView,
    bulk.BulkView,
    comparisons.ComparisonView,
    *duplicates.VIEWS,
    evaluation.EvaluationView,
    flow_design.ApprovalFlowVersionView,
    imports.ImportView,
    pickers.PickView,
    saved_views.SavedViewView,
    schemes.SchemeView,
    scheme_parts.SchemePartView,
    scoring.ScoringView,
)
RECORD_TYPES = tuple(view.model for view in VIEWS)
READ_ONLY = frozenset(view.model.__name__ for view in VIEWS if view.read_only)


def register(framework: Any) -> None:
    """Register every screen with the framework and put it on the menu."""
    current_app.context_processor(_menu)
    for view in (*VIEWS, *OTHERS):
        framework.add_view_no_menu(view)
    add("today", Entry(Words("工作台", "Desk"), "/", icon="home"))
    add("today", Entry(Words("审批中心", "Approvals"), "/approval/", icon="checks", count=approvals.waiting))
    add(
        "evaluation",
        Entry(Words("评价结果", "Evaluation results"), "/evaluation/", "eval_run", icon="chart-bar"),
    )
    add("evaluation", Entry(schemes.TITLE, "/scheme/", schemes.SchemeView.resource, icon="chart-bar"))
    add("evaluation", Entry(scoring.TITLE, "/scoring/", scoring.ScoringView.resource, icon="pencil"))
    for view in VIEWS:
        entry = Entry(
            view.menu_label or labels_of(view.model),
            f"/{view.resource}/list/",
            view.resource,
            icon=view.icon,
            is_typed=not view.read_only,
        )
        add(view.area, entry)
    twins = Entry(duplicates.TITLE, "/duplicates/", "customer", Act.merge, icon="copy")
    add("customers", twins)
    flows = Entry(
        flow_design.TITLE, "/flow/", flow_design.ApprovalFlowVersionView.resource, icon="git-branch"
    )
    add("settings", flows)
    add("settings", Entry(Words("导入与导出", "Import & export"), "/import/", icon="upload"))


def _menu() -> dict[str, Any]:
    """The menu of the person asking, for every page that has a frame; blocks for htmx have none."""
    who = None if g.get("bare") or fragment("blocks") else access.asking()
    return {"menu": menu_of(who) if who else ()}
