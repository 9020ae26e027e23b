"""Publication: the grades of a sealed run become the current ones, with their classes, dates and reasons.

One transaction, one function: a run is published whole or not at all. The run itself is the change set that holds
every cell; what a customer's grade was before is told by one audit line for the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.columns import now
from app.errors import NotAllowed, NotFound, WrongState
from app.extensions import company, db, transaction
from app.models import (
    Account,
    AuditAct,
    ClassificationScheme,
    ClassificationValue,
    Customer,
    CustomerClassification,
    EvalCurrent,
    EvalRun,
    EvalSchemeVersion,
    Notice,
    NoticeKind,
    RunKind,
    RunStatus,
)
from app.roles import Act
from app.services import access, audit, bulk
from app.words import Words, say
from app.workflows.evaluation import hearing
from app.workflows.evaluation.consequences import follow
from app.workflows.evaluation.reading import RESULT, Opened, open_run
from app.workflows.evaluation.saying import points, spoken
from app.workflows.evaluation.schemes import Scheme
from app.workflows.evaluation.sources import table_of
from app.workflows.governed import check_undecided

BATCH = 500
CURRENT = table_of(EvalCurrent)


def publish(run_id: int, on: date | None = None) -> int:
    """Make the grades of a sealed official run the current ones from the day `on` (today); how many subjects.

    This is the door of a company without a flow for it; with one, a run is submitted and its approval publishes it.

    Raises:
        NotAllowed: the person may not publish, started the run himself, or passes by the flow.
        NotFound: there is no such run.
        WrongState: it is not sealed, a trial, or older than the one published last.

    """
    who = access.principal()
    who.check(Act.publish, "eval_run")
    check_undecided("eval_run")
    with transaction():
        _check_two_people(run_id, who)
        return effect(run_id, on or company.today())


def effect(run_id: int, on: date) -> int:
    """What publication writes; inside a transaction (of `publish`, or of the approval that decides it)."""
    with access.acting(access.SYSTEM):
        db.session.execute(sa.select(EvalRun.id).where(EvalRun.id == run_id).with_for_update())
        opened = open_run(run_id)
        _check(opened)
        _supersede(opened)
        _tell_owners(opened)
        risks, tasks = follow(opened, on) if opened.scheme.publishing.classification else (0, 0)
        graded = _write_current(opened, on)
        if opened.scheme.publishing.classification:
            _write_classes(opened, opened.scheme.publishing.classification, on)
        if opened.scheme.publishing.customer_grade:
            _write_grades(opened)
        _set(opened.run.id, status=RunStatus.published, published_at=now())
        hearing.settle(run_id)
    audit.record(
        AuditAct.evaluation,
        "eval_run",
        run_id,
        summary=say(
            "发布评价结果：{n} 个对象定级，立风险 {risks} 项，限期改进 {tasks} 项",
            "Grades of {n} subjects published: {risks} risk cases, {tasks} tasks to improve",
            n=graded,
            risks=risks,
            tasks=tasks,
        ),
    )
    return graded


def is_runner(run_id: int, who: access.Principal) -> bool:
    """Whether he started the run, by whichever of his accounts (R35)."""
    with access.acting(access.SYSTEM):
        starter = db.session.scalar(
            sa.select(Account.employee_id)
            .join(EvalRun, EvalRun.created_by_id == Account.user_id)
            .where(EvalRun.id == run_id)
        )
    return starter is not None and starter == who.employee_id


def _check_two_people(run_id: int, who: access.Principal) -> None:
    """Refuses who started the run: separation goes by employee, not by account (R35)."""
    if is_runner(run_id, who):
        raise NotAllowed(
            say(
                "评价结果须由运行人以外的人发布。",
                "Grades are published by somebody else than who ran the evaluation.",
            )
        )


def _check(opened: Opened) -> None:
    run = opened.run
    if run.kind is not RunKind.official or run.status not in {RunStatus.sealed, RunStatus.in_approval}:
        raise WrongState(
            say(
                "评价运行 {id} 不能发布：{kind}，{status}。",
                "Run {id} cannot be published: {kind}, {status}.",
                id=run.id,
                kind=run.kind.words,
                status=run.status.words,
            )
        )
    newer = _published(opened).where(EvalRun.period_to > run.period_to)
    if db.session.scalar(newer.limit(1)) is not None:
        raise WrongState(
            say("已有更近一期的评价结果发布。", "Grades of a later period are already published.")
        )


def _published(opened: Opened) -> sa.Select[Any]:
    return (
        sa.select(EvalRun.id)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .where(EvalSchemeVersion.scheme_id == opened.scheme_id, EvalRun.status == RunStatus.published)
    )


def _supersede(opened: Opened) -> None:
    for run_id in db.session.scalars(_published(opened)).all():
        _set(run_id, status=RunStatus.superseded)


def _set(run_id: int, **values: Any) -> None:
    statement = sa.update(EvalRun).where(EvalRun.id == run_id).values(**values)
    db.session.execute(statement, execution_options={"synchronize_session": False})


# ---- who is told ----


def _tell_owners(opened: Opened) -> None:
    """Tell each employee how many of his customers get another grade; asked before the current ones are replaced."""
    if opened.scheme.subject.name != "customer":
        return
    held = sa.and_(CURRENT.c.scheme_id == opened.scheme_id, CURRENT.c.subject_id == RESULT.c.subject_id)
    numbers = sa.or_(CURRENT.c.grade_no.is_(None), CURRENT.c.grade_no != RESULT.c.grade_no)
    owners = (
        sa.select(Customer.owner_id, sa.func.count())
        .select_from(RESULT)
        .join(Customer, Customer.id == RESULT.c.subject_id)
        .outerjoin(CURRENT, held)
        .where(
            RESULT.c.run_id == opened.run.id,
            RESULT.c.grade_no.is_not(None),
            numbers,
            Customer.owner_id.is_not(None),
        )
        .group_by(Customer.owner_id)
        .order_by(Customer.owner_id)
    )
    for owner_id, count in db.session.execute(owners).all():
        words = say(
            "评价结果已发布：{scheme}，您的 {n} 个客户等级有变化。",
            "{scheme} is published: {n} of your customers have another grade.",
            scheme=opened.scheme.words,
            n=count,
        )
        db.session.add(
            Notice(
                kind=NoticeKind.announcement,
                recipient_id=owner_id,
                text_zh=words.zh,
                text_en=words.en,
                object_type="eval_run",
                object_id=opened.run.id,
            )
        )


# ---- the current grades ------------------------------------------------------------------------------------------


def _write_current(opened: Opened, on: date) -> int:
    """Replace the current grade of every graded subject; one who got none keeps the one he had."""
    graded = sa.and_(RESULT.c.run_id == opened.run.id, RESULT.c.grade_no.is_not(None))
    scheme_id = sa.literal(opened.scheme_id)
    subjects = sa.select(RESULT.c.subject_id).where(graded)
    before = sa.delete(CURRENT).where(CURRENT.c.scheme_id == scheme_id, CURRENT.c.subject_id.in_(subjects))
    codes = sa.case(
        *((RESULT.c.grade_no == number, grade.code) for number, grade in enumerate(opened.scheme.grades))
    )
    names = ["scheme_id", "subject_id", "run_id", "grade", "grade_no", "total", "effective_from"]
    chosen = sa.select(
        scheme_id,
        RESULT.c.subject_id,
        RESULT.c.run_id,
        codes,
        RESULT.c.grade_no,
        RESULT.c.total,
        sa.literal(on),
    ).where(graded)
    db.session.execute(before)
    db.session.execute(sa.insert(CURRENT).from_select(names, chosen))
    counted = sa.select(sa.func.count()).select_from(RESULT).where(graded)
    return db.session.scalar(counted) or 0


# ---- classes with dates ------------------------------------------------------------------------------------------


def _write_classes(opened: Opened, code: str, on: date) -> None:
    """Close the class a customer no longer holds and open the one he has now; an unchanged one goes on."""
    classification_id = db.session.scalar(
        sa.select(ClassificationScheme.id).where(ClassificationScheme.code == code)
    )
    classes = sa.select(ClassificationValue.code, ClassificationValue.id).where(
        ClassificationValue.scheme_id == classification_id
    )
    values: dict[str, int] = dict(db.session.execute(classes).all())
    missing = [grade.code for grade in opened.scheme.grades if grade.code not in values]
    if classification_id is None or missing:
        raise NotFound(
            say(
                "分类方案 {code} 没有等级：{missing}。",
                "Classification {code} has no class {missing}.",
                code=code,
                missing=", ".join(missing),
            )
        )
    told = bulk.ChangeSet("eval_run", opened.run.id)
    held, moment = CustomerClassification, now()
    now_value = sa.case(*((CURRENT.c.grade == grade, id_) for grade, id_ in values.items()))
    mine = sa.and_(CURRENT.c.scheme_id == opened.scheme_id, CURRENT.c.run_id == opened.run.id)
    is_open = sa.and_(held.scheme_id == classification_id, held.valid_to.is_(None))
    same = sa.exists().where(mine, CURRENT.c.subject_id == held.customer_id, now_value == held.value_id)
    graded = held.customer_id.in_(sa.select(CURRENT.c.subject_id).where(mine))
    ends = sa.case((held.valid_from > on, held.valid_from), else_=on)
    bulk.write(
        sa.update(held)
        .where(is_open, graded, ~same)
        .values(valid_to=ends, changed_at=moment, version_no=held.version_no + 1),
        told=told,
    )
    still = sa.exists().where(is_open, held.customer_id == CURRENT.c.subject_id)
    stamp = sa.literal(moment, held.created_at.type)
    chosen = sa.select(
        CURRENT.c.subject_id,
        sa.literal(classification_id),
        now_value,
        sa.literal(on),
        sa.literal(opened.run.id),
        stamp,
        stamp,
        sa.literal(1),
    ).where(mine, ~still)
    names = [
        "customer_id",
        "scheme_id",
        "value_id",
        "valid_from",
        "eval_run_id",
        "created_at",
        "changed_at",
        "version_no",
    ]
    bulk.write(sa.insert(held).from_select(names, chosen, include_defaults=False), told=told)


# ---- the customer's own grade ------------------------------------------------------------------------------------


def _write_grades(opened: Opened) -> None:
    """The grade and its reason on the customers' own rows."""
    rows = db.session.execute(
        sa.select(RESULT).where(RESULT.c.run_id == opened.run.id, RESULT.c.grade_no.is_not(None))
    ).mappings()
    told = bulk.ChangeSet("eval_run", opened.run.id)
    for batch in _batches(rows.all()):
        grades = {row["subject_id"]: opened.scheme.grades[row["grade_no"]].code for row in batch}
        reasons = {row["subject_id"]: reason(opened.scheme, row) for row in batch}
        kind = Customer.grade_reason.type
        texts = {id_: sa.literal(words, kind) for id_, words in reasons.items()}
        bulk.write(
            sa.update(Customer)
            .where(Customer.id.in_(list(grades)))
            .values(
                grade=sa.case(grades, value=Customer.id),
                grade_reason=sa.case(texts, value=Customer.id),
                version_no=Customer.version_no + 1,
            ),
            told=told,
        )


def _batches(rows: Sequence[Any]) -> Iterator[list[Any]]:
    whole = iter(rows)
    while batch := list(islice(whole, BATCH)):
        yield batch


def reason(scheme: Scheme, row: Any) -> Words:
    """Why a subject has its grade, in one sentence with the figures."""
    parts = [figure(scheme, row, one.key) for one in scheme.indicators]
    figures = Words("，".join(part.zh for part in parts), "; ".join(part.en for part in parts))
    first, last = scheme.pin.period_from.isoformat(), scheme.pin.last_day.isoformat()
    grade = scheme.grades[row["grade_no"]]
    total = Words("", "")
    if row["total"] is not None:
        total = say("总分 {points}，", "total {points}, ", points=points(row["total"]))
    return say(
        "{scheme}（{first} 至 {last}）：{total}评为“{grade}”。依据：{figures}。",
        "{scheme} ({first} to {last}): {total}graded “{grade}”. Figures: {figures}.",
        scheme=scheme.words,
        first=first,
        last=last,
        total=total,
        grade=grade.words,
        figures=figures,
    )


def figure(scheme: Scheme, row: Any, key: str) -> Words:
    """One indicator of a result: its raw value, and its points where it has some."""
    one = scheme.indicator(key)
    value, score = spoken(one.type, row[f"v{one.column}"]), row[f"s{one.column}"]
    if score is None:
        return say("{name} {value}", "{name} {value}", name=one.words, value=value)
    return say(
        "{name} {value}（{points}）",
        "{name} {value} ({points})",
        name=one.words,
        value=value,
        points=points(score),
    )
