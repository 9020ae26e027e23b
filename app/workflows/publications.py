"""What comes into force by approval: the results of an evaluation, a version of a scheme, a version of a flow (§4.3 no. 10).

Each is decided on the one engine by a flow of pack `base`. Where no such flow is published (it has to begin somewhere),
a second person publishes by himself; the author, or who ran the evaluation, never does.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.columns import now
from app.errors import BadInput, NotAllowed, NotFound, WrongState
from app.extensions import company, db, transaction
from app.models import (
    ApprovalFlowVersion,
    Customer,
    EvalCurrent,
    EvalResult,
    EvalRun,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
)
from app.roles import Act
from app.services import access
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.kinds import COUNT, TEXT, choice
from app.words import Words, say
from app.workflows import flows
from app.workflows.evaluation import pins, publishing, reading, schemes
from app.workflows.evaluation.sources import table_of
from app.workflows.evaluation.subjects import SUBJECTS
from app.workflows.governed import check_undecided
from app.workflows.subjects import Subject

RESULT, CURRENT, CUSTOMER = (table_of(model) for model in (EvalResult, EvalCurrent, Customer))
FALL = 2
"""How many grades down make a fall that is told to whoever decides."""


# ---- the results of an evaluation --------------------------------------------------------------------------


RUN_FACTS = (
    Fact("scheme", TEXT, "方案编号", "Scheme", nullable=False),
    Fact("subject_type", choice("eval_subject"), "评价对象", "Subjects", nullable=False),
    Fact("subjects", COUNT, "对象数", "Number of subjects", nullable=False),
    Fact("changes", COUNT, "等级变化数", "Changes of grade", nullable=False),
    Fact("key_changes", COUNT, "重点客户等级变化数", "Changes of grade of key customers", nullable=False),
    Fact("falls", COUNT, "下降两级及以上数", "Falls of two grades or more", nullable=False),
)
SUBJECT_WORDS = {"eval_subject": {name: subject.words for name, subject in SUBJECTS.items()}}
"""What can be evaluated, by the word schemes use."""


def _scheme_of(run: EvalRun) -> EvalScheme:
    return db.session.get_one(EvalSchemeVersion, run.scheme_version_id).scheme


def facts_of_run(run: EvalRun) -> dict[str, Any]:
    """What a flow may ask of a run: its scheme, and whose grades it would change."""
    with access.acting(access.SYSTEM):
        scheme = _scheme_of(run)
        is_of_customers = scheme.subject_type == "customer"
        changed = sa.or_(CURRENT.c.grade_no.is_(None), CURRENT.c.grade_no != RESULT.c.grade_no)
        fell = RESULT.c.grade_no - CURRENT.c.grade_no >= FALL
        is_key = CUSTOMER.c.is_key if is_of_customers else sa.false()
        held = sa.and_(CURRENT.c.scheme_id == scheme.id, CURRENT.c.subject_id == RESULT.c.subject_id)
        rows = RESULT.outerjoin(CURRENT, held)
        if is_of_customers:
            rows = rows.outerjoin(CUSTOMER, CUSTOMER.c.id == RESULT.c.subject_id)
        counted = {"changes": changed, "key_changes": changed & is_key, "falls": fell}
        statement = (
            sa.select(*(sa.func.count(sa.case((clause, 1))).label(name) for name, clause in counted.items()))
            .select_from(rows)
            .where(RESULT.c.run_id == run.id, RESULT.c.grade_no.is_not(None))
        )
        found = db.session.execute(statement).mappings().one()
    return {
        "scheme": scheme.code,
        "subject_type": scheme.subject_type,
        "subjects": run.population,
        **found,
    }


def content_of_run(run: EvalRun) -> dict[str, str]:
    """What is decided on: this computation and no other."""
    return {"run": str(run.id), "checksum": run.checksum or "", "as_of": run.as_of.isoformat()}


def title_of_run(run: EvalRun) -> str:
    """The scheme and the period, in the language of who submits."""
    with access.acting(access.SYSTEM):
        scheme = _scheme_of(run)
    last = pins.Pin(run.period_from, run.period_to, run.as_of).last_day
    name = Words(scheme.name_zh, scheme.name_en)
    first = run.period_from.isoformat()
    return str(
        say("{name}（{first} 至 {last}）", "{name} ({first} to {last})", name=name, first=first, last=last)
    )


def readers_of_runs(who: access.Principal) -> sa.ColumnElement[bool] | None:
    """Published runs are read by whoever reads evaluations, others by those who run, publish or decide them."""
    if who.system or who.may(Act.run, "eval_run") or who.may(Act.publish, "eval_run"):
        return None
    if not who.may(Act.read, "eval_run"):
        return sa.false()
    return EvalRun.status.in_(reading.PUBLIC)


RUN = Subject(
    EvalRun,
    parties=(),
    catalogue=Catalogue(RUN_FACTS, SUBJECT_WORDS, company.zone),
    values=facts_of_run,
    shown=content_of_run,
    title=title_of_run,
    readers=readers_of_runs,
)


def publish_run(run: Any) -> None:
    """The grades of an approved run become the current ones."""
    publishing.effect(run.id, company.today())


# ---- versions of schemes -----------------------------------------------------------------------------------


def title_of_scheme(version: EvalSchemeVersion) -> str:
    name = Words(version.scheme.name_zh, version.scheme.name_en)
    return str(say("{name} 第 {n} 版", "{name}, edition {n}", name=name, n=version.edition))


SCHEME = Subject(EvalSchemeVersion, parties=("author_id",), title=title_of_scheme)


def publish_scheme(version_id: int) -> None:
    """Have official runs use this version, where no flow asks for an approval. Opens its own transaction.

    Raises:
        NotFound: there is no such version.
        NotAllowed: the person may not publish, wrote it himself, or schemes are published by approval.
        WrongState: it is no draft.
        BadInput: it no longer makes sense.

    """
    who = access.principal()
    who.check(Act.publish, "eval_scheme_version")
    check_undecided("eval_scheme_version")
    with transaction():
        version = db.session.get(EvalSchemeVersion, version_id)
        if version is None:
            raise NotFound(say("没有这个方案版本。", "There is no such version of a scheme."))
        _put_in_force(version, who.employee_id)


def _put_in_force(version: EvalSchemeVersion, publisher_id: int | None) -> None:
    """What publishing a scheme does, whoever decided it."""
    if publisher_id is not None and publisher_id == version.author_id:
        raise NotAllowed(
            say("方案须由编写人以外的人发布。", "A scheme is published by somebody else than its author.")
        )
    if version.status not in {EvalStatus.draft, EvalStatus.in_approval}:
        raise WrongState(say("只有草稿可以发布。", "Only a draft can be published."))
    if problems := schemes.check(version.body):
        raise BadInput(problems)
    standing = sa.select(EvalSchemeVersion).where(
        EvalSchemeVersion.scheme_id == version.scheme_id, EvalSchemeVersion.status == EvalStatus.published
    )
    for old in db.session.scalars(standing):
        old.status = EvalStatus.retired
    db.session.flush()
    version.status = EvalStatus.published
    version.publisher_id, version.published_at = publisher_id, now()
    version.scheme.active = True
    db.session.flush()


def publish_approved_scheme(version: Any) -> None:
    """An approved version of a scheme comes into force."""
    _put_in_force(version, access.principal().employee_id)


# ---- versions of flows -------------------------------------------------------------------------------------


def title_of_flow(version: ApprovalFlowVersion) -> str:
    name = Words(version.flow.name_zh, version.flow.name_en)
    return str(say("{name} 第 {n} 版", "{name}, edition {n}", name=name, n=version.edition))


FLOW = Subject(ApprovalFlowVersion, parties=("author_id",), title=title_of_flow)


def publish_approved_flow(version: Any) -> None:
    """An approved version of a flow comes into force, if the company of today can run it."""
    decider = access.principal().employee_id
    if decider in flows.writers(version):
        raise NotAllowed(
            say("流程须由编写人以外的人发布。", "A flow is published by somebody else than its author.")
        )
    with access.acting(access.SYSTEM):
        flows.check_company(version, acknowledged=True)
    flows.put_in_force(version, decider)
