"""Drafts of flows and schemes are changed against the hash of what their writer saw, so that no change is lost unsaid."""

from __future__ import annotations

from flask_appbuilder.security.sqla.models import User

from app.errors import Stale
from app.extensions import db
from app.models import ApprovalFlowVersion, EvalSchemeVersion
from app.services import access
from app.words import Words, say


def check_seen(draft: ApprovalFlowVersion | EvalSchemeVersion, seen: str) -> None:
    """Raises `Stale`, saying who changed the draft, when it no longer says what was seen with this hash."""
    if seen == draft.body_hash:
        return
    if draft.changed_by_id is not None and draft.changed_by_id == access.principal().user_id:
        words = say(
            zh="您打开本页之后又在别处改了这份草稿，本页的修改没有保存。",
            en="You changed this draft elsewhere after you had opened this page. Nothing typed here was saved.",
        )
    else:
        words = say(
            zh="{who}在您打开之后改了这份草稿，您的修改没有保存。",
            en="{who} changed this draft after you had opened it. Nothing of yours was saved.",
            who=_last_writer(draft) or Words("其他人", "Somebody else"),
        )
    raise Stale(words, changes=[], version_no=draft.version_no)


def _last_writer(draft: ApprovalFlowVersion | EvalSchemeVersion) -> str:
    with access.acting(access.SYSTEM):
        user = db.session.get(User, draft.changed_by_id or 0)
    return f"{user.last_name}{user.first_name}" if user else ""
