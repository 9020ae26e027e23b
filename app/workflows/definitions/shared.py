"""The moves every record has that is decided by approval."""

from __future__ import annotations

from app.words import Words
from app.workflows.machine import By, Consequence, Move, moves


def decided(
    *,
    submit_checks: tuple[str, ...] = (),
    on_submit: tuple[Consequence, ...] = (),
    on_approve: tuple[Consequence, ...] = (),
    on_reject: tuple[Consequence, ...] = (),
    on_cancel: tuple[Consequence, ...] = (),
) -> tuple[Move, ...]:
    """Draft → in approval → approved, rejected, returned or withdrawn; the approval engine makes these moves.

    Withdrawing and sending back both return the record to its submitter, who may change and submit it again;
    cancelling ends it.
    """
    approval = By.approval
    return (
        moves(
            "submit",
            "draft returned",
            "in_approval",
            Words("提交审批", "Submit"),
            by=approval,
            checks=submit_checks,
            then=on_submit,
        ),
        moves(
            "approve", "in_approval", "approved", Words("审批通过", "Approved"), by=approval, then=on_approve
        ),
        moves(
            "reject",
            "in_approval approved",
            "rejected",
            Words("审批驳回", "Rejected"),
            by=approval,
            then=on_reject,
        ),
        moves("send_back", "in_approval approved", "returned", Words("退回修改", "Sent back"), by=approval),
        moves("withdraw", "in_approval", "returned", Words("撤回", "Withdrawn"), by=approval),
        moves(
            "cancel",
            "in_approval approved returned",
            "withdrawn",
            Words("撤销", "Cancelled"),
            by=approval,
            then=on_cancel,
        ),
    )
