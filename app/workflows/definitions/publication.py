"""The lives of what comes into force by approval: evaluation runs, versions of schemes and of flows.

Each goes back to where it started when it is sent back, withdrawn, cancelled or rejected: a sealed run stays sealed, a
draft a draft.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.models import ApprovalFlowVersion, EvalResult, EvalRun, EvalScheme, EvalSchemeVersion, RunKind
from app.services import access
from app.words import Words, say
from app.workflows import publications
from app.workflows.machine import By, Consequence, Machine, Move, check, moves


@check("run_is_official", EvalRun, zh="属于正式评价", en="it is an official run")
def run_is_official(run: Any) -> Words | None:
    """A trial is for looking at (R31)."""
    if run.kind is not RunKind.official:
        return say("试算结果不能发布。", "A trial cannot be published.")
    return None


@check("no_own_result", EvalRun, zh="不含审批人本人的评价", en="it rates nobody who decides on it")
def no_own_result(run: Any) -> Words | None:
    """The assessed does not approve his own result (§4.3 no. 7)."""
    who = access.principal().employee_id
    mine = (
        sa.select(EvalResult.subject_id)
        .join(EvalRun, EvalRun.id == EvalResult.run_id)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .join(EvalScheme, EvalScheme.id == EvalSchemeVersion.scheme_id)
        .where(
            EvalResult.run_id == run.id, EvalResult.subject_id == who, EvalScheme.subject_type == "employee"
        )
    )
    with access.acting(access.SYSTEM):
        if who is not None and db.session.scalar(mine.limit(1)) is not None:
            return say(
                "其中有您本人的评价，不能由您审批。", "It rates you yourself: somebody else decides on it."
            )
    return None


def proposed(start: str, publish: Consequence, checks: tuple[str, ...] = ()) -> tuple[Move, ...]:
    """From `start` into approval, and on to being published or back; the approval engine makes these moves."""
    approval = By.approval
    back = (
        ("reject", "in_approval", Words("驳回", "Rejected")),
        ("send_back", "in_approval", Words("退回修改", "Sent back")),
        ("withdraw", "in_approval", Words("撤回", "Withdrawn")),
        ("cancel", f"in_approval {start}", Words("撤销", "Cancelled")),
    )
    return (
        moves("submit", start, "in_approval", Words("提交审批", "Submit"), by=approval, checks=checks),
        moves(
            "approve",
            "in_approval",
            "published",
            Words("批准发布", "Published"),
            by=approval,
            before=(publish,),
        ),
        *(moves(verb, sources, start, words, by=approval) for verb, sources, words in back),
    )


def by_house(verb: str, sources: str, target: str, zh: str, en: str) -> Move:
    """A move the engines make by statements of their own; named here so that the life is whole."""
    return moves(verb, sources, target, Words(zh, en), by=By.rule)


RETIRE = by_house("retire", "published", "retired", "停用", "Retired")

EVAL_RUN = Machine(
    EvalRun,
    first="created",
    moves=(
        by_house("collect", "created failed", "collecting", "计算", "Computing"),
        by_house("seal", "collecting", "sealed", "封存", "Sealed"),
        by_house("fail", "created collecting", "failed", "失败", "Failed"),
        by_house("stop", "created collecting failed", "cancelled", "取消", "Cancelled"),
        by_house("supersede", "published", "superseded", "取代", "Superseded"),
        *proposed("sealed", publications.publish_run, ("run_is_official",)),
    ),
)
SCHEME_VERSION = Machine(
    EvalSchemeVersion,
    first="draft",
    moves=(
        by_house("try_out", "draft", "trial", "试算", "Tried out"),
        *proposed("draft", publications.publish_approved_scheme),
        RETIRE,
    ),
    guarded=False,
)
FLOW_VERSION = Machine(
    ApprovalFlowVersion,
    first="draft",
    moves=(*proposed("draft", publications.publish_approved_flow), RETIRE),
    guarded=False,
)
