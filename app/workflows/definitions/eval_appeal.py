"""The life of an appeal against a grade (L-12): decided by approval, kept or upheld, and put right by a new run."""

from __future__ import annotations

from typing import Any

from app.extensions import db
from app.models import Account, EvalAppeal, EvalRun, Notice, NoticeKind
from app.services import access, numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.evaluation import hearing
from app.workflows.machine import By, Machine, check, moves
from app.workflows.subjects import Subject

NUMBERS = numbering.Series("eval_appeal", "SS{year}-{n:04d}")


@check("appeal_in_time", EvalAppeal, zh="在申诉期内提出", en="it is raised within the time for appeals")
def appeal_in_time(appeal: Any) -> Words | None:
    """The time for appeals runs from when the grade was told."""
    return hearing.too_late(appeal)


@check("appeal_is_first", EvalAppeal, zh="该等级尚未申诉过", en="nobody appealed against this grade before")
def appeal_is_first(appeal: Any) -> Words | None:
    """A grade is appealed against once."""
    if hearing.is_repeated(appeal):
        return say(zh="该等级已经申诉过。", en="This grade was appealed against before.")
    return None


def number(appeal: Any) -> None:
    appeal.no = appeal.no or numbering.take(NUMBERS)


def ask_for_correction(appeal: Any) -> None:
    """Who ran the evaluation is told that it has to be run anew."""
    with access.acting(access.SYSTEM):
        run = db.session.get_one(EvalRun, appeal.run_id)
        account = db.session.query(Account).filter_by(user_id=run.created_by_id).first()
    if account is None or account.employee_id is None:
        return
    words = say(
        zh="申诉 {no} 成立：请更正数据后重新评价并发布。",
        en="Appeal {no} is upheld: put the data right, run the evaluation anew and have it published.",
        no=appeal.no,
    )
    db.session.add(
        Notice(
            kind=NoticeKind.announcement,
            recipient_id=account.employee_id,
            text_zh=words.zh,
            text_en=words.en,
            object_type="eval_appeal",
            object_id=appeal.id,
        )
    )


SUBJECT = Subject(EvalAppeal, parties=("owner_id", "employee_id"))

EVAL_APPEAL = Machine(
    EvalAppeal,
    first="draft",
    moves=(
        *decided(
            submit_checks=("appeal_in_time", "appeal_is_first"),
            on_submit=(number,),
            on_approve=(ask_for_correction,),
        ),
        moves(
            "correct", "approved", "corrected", Words("由新评价更正", "Corrected by a new run"), by=By.rule
        ),
    ),
    adopted=("corrected", "rejected"),
    closed=("approved", "rejected", "withdrawn", "corrected"),
    still_open=frozenset({"corrected_run_id"}),
)
