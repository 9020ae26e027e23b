"""Evaluation: measures, schemes and their versions, runs, results and grades."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import (
    Big,
    Choice,
    Code,
    Day,
    Id,
    Json,
    Long,
    MomentType,
    PointsType,
    Rows,
    Short,
    belongs_to,
    field,
    one_of,
    rule,
    unique,
)
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped, Switched

if TYPE_CHECKING:
    from app.schema.customers import Customer
    from app.schema.people import Employee


class EvalStatus(Choice):
    """Where a version of a measure or scheme stands; a published one never changes, a trial one is never offered."""

    draft = enum.auto(), "草稿", "Draft"
    trial = enum.auto(), "试算", "Trial"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    published = enum.auto(), "已发布", "Published", "ok"
    retired = enum.auto(), "已停用", "Retired", "end"


class EvalMeasure(Stamped, Switched, Model):
    """Something counted for every subject, such as the orders of the period; how, stands in its versions."""

    __tablename__ = "eval_measure"
    __label__ = "评价度量", "Measures"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_eval_measure_code", "code", zh="度量编号已存在。", en="This measure code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    subject_type: Mapped[Code] = field(zh="评价对象", en="Subject", listed=True, edit=False)


class EvalMeasureVersion(Stamped, Model):
    """One edition of a measure: source, aggregate, field, filter and window as canonical JSON."""

    __tablename__ = "eval_measure_version"
    __label__ = "度量版本", "Measure versions"
    __rows__ = Rows.shared
    __table_args__ = (
        unique(
            "uq_eval_measure_version_edition",
            "measure_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the measure exists.",
        ),
        Index(
            "ux_eval_measure_version_published",
            "measure_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
    )

    id: Mapped[Id]
    measure_id: Mapped[int] = belongs_to("eval_measure.id", zh="度量", en="Measure", listed=True)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[EvalStatus] = field(
        one_of(EvalStatus), zh="状态", en="Status", listed=True, edit=False, default=EvalStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    measure: Mapped[EvalMeasure] = relationship()


class EvalScheme(Stamped, Switched, Model):
    """A way of grading, such as the yearly evaluation of customers; what it weighs stands in its versions."""

    __tablename__ = "eval_scheme"
    __label__ = "评价方案", "Evaluation schemes"
    __rows__ = Rows.shared
    __title__ = "name_zh", "name_en"
    __table_args__ = (
        unique("uq_eval_scheme_code", "code", zh="评价方案编号已存在。", en="This scheme code is in use."),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="编号", en="Code", listed=True, sort=True, search=True)
    name_zh: Mapped[Short] = field(zh="中文名称", en="Chinese name", listed=True, search=True)
    name_en: Mapped[Short] = field(zh="英文名称", en="English name", listed=True, search=True)
    subject_type: Mapped[Code] = field(zh="评价对象", en="Subject", listed=True, edit=False)


class EvalSchemeVersion(Stamped, Model):
    """One edition of a scheme: population, measures, indicators, weights and grades as canonical JSON."""

    __tablename__ = "eval_scheme_version"
    __label__ = "方案版本", "Scheme versions"
    __rows__ = Rows.shared
    __title__ = "scheme", "edition"
    __table_args__ = (
        unique(
            "uq_eval_scheme_version_edition",
            "scheme_id",
            "edition",
            zh="该版次已存在。",
            en="This edition of the scheme exists.",
        ),
        rule(
            "published_by_another",
            "publisher_id IS NULL OR author_id IS NULL OR publisher_id <> author_id",
            zh="评价方案不能由其编写人发布。",
            en="A scheme is not published by its author.",
        ),
        Index(
            "ux_eval_scheme_version_published",
            "scheme_id",
            unique=True,
            sqlite_where=text("status = 'published'"),
            postgresql_where=text("status = 'published'"),
        ),
        Index("ix_eval_scheme_version_hash", "scheme_id", "body_hash"),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = belongs_to("eval_scheme.id", zh="方案", en="Scheme", listed=True, index=False)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", listed=True, edit=False)
    status: Mapped[EvalStatus] = field(
        one_of(EvalStatus), zh="状态", en="Status", listed=True, edit=False, default=EvalStatus.draft
    )
    body: Mapped[Json] = mapped_column(default=dict)
    body_hash: Mapped[str] = mapped_column(String(64))
    note: Mapped[Long | None] = field(zh="说明", en="Note", listed=True)
    author_id: Mapped[int | None] = belongs_to("employee.id", zh="编写人", en="Author", edit=False)
    publisher_id: Mapped[int | None] = belongs_to("employee.id", zh="发布人", en="Published by", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    scheme: Mapped[EvalScheme] = relationship()


class RunKind(Choice):
    """What a run is for."""

    official = enum.auto(), "正式", "Official"
    trial = enum.auto(), "试算", "Trial"
    what_if = enum.auto(), "假设", "What-if"


class RunStatus(Choice):
    """Where a run stands. From sealed on, its results never change."""

    created = enum.auto(), "待运行", "Waiting"
    collecting = enum.auto(), "计算中", "Computing", "run"
    sealed = enum.auto(), "已封存", "Sealed", "ok"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    published = enum.auto(), "已发布", "Published", "ok"
    superseded = enum.auto(), "已被取代", "Superseded", "end"
    failed = enum.auto(), "失败", "Failed", "bad"
    cancelled = enum.auto(), "已取消", "Cancelled", "end"


class EvalRun(Stamped, Model):
    """One computation of a scheme for a period, pinned to its version, its as-of moment and its population.

    The period is half-open, `[period_from, period_to)` in company time. `checksum` is over all results in order.
    """

    __tablename__ = "eval_run"
    __label__ = "评价运行", "Evaluation runs"
    __rows__ = Rows.shared
    __title__ = ("scheme_version", "period_from")
    __table_args__ = (
        unique(
            "uq_eval_run_revision",
            "scheme_version_id",
            "period_from",
            "period_to",
            "kind",
            "revision",
            zh="该期的这一次评价已存在。",
            en="This revision of the run exists.",
        ),
        rule(
            "period_in_order",
            "period_to > period_from",
            zh="评价期的结束须晚于开始。",
            en="The period must end after it starts.",
        ),
        rule(
            "sealed_has_checksum",
            "sealed_at IS NULL OR checksum IS NOT NULL",
            zh="封存的评价必须有校验和。",
            en="A sealed run must have its checksum.",
        ),
    )

    id: Mapped[Id]
    scheme_version_id: Mapped[int] = belongs_to(
        "eval_scheme_version.id", zh="方案版本", en="Scheme version", listed=True, edit=False, index=False
    )
    kind: Mapped[RunKind] = field(
        one_of(RunKind), zh="类型", en="Kind", listed=True, edit=False, default=RunKind.trial
    )
    revision: Mapped[int] = field(Integer, zh="次数", en="Revision", listed=True, edit=False, default=1)
    period_from: Mapped[date] = field(Date, zh="评价期自", en="Period from", listed=True, edit=False)
    period_to: Mapped[date] = field(Date, zh="评价期至（不含）", en="Period to (excluded)", edit=False)
    as_of: Mapped[datetime] = field(MomentType, zh="截止时刻", en="As of", listed=True, edit=False)
    status: Mapped[RunStatus] = field(
        one_of(RunStatus), zh="状态", en="Status", listed=True, edit=False, default=RunStatus.created
    )
    population: Mapped[int] = field(BigInteger, zh="评价对象数", en="Subjects", edit=False, default=0)
    engine: Mapped[int] = mapped_column(Integer, default=1)
    checksum: Mapped[str | None] = mapped_column(String(64))
    base_run_id: Mapped[int | None] = mapped_column(ForeignKey("eval_run.id"), index=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"), index=True)
    started_at: Mapped[datetime | None] = field(MomentType, zh="开始时间", en="Started", edit=False)
    sealed_at: Mapped[datetime | None] = field(MomentType, zh="封存时间", en="Sealed", edit=False)
    published_at: Mapped[datetime | None] = field(MomentType, zh="发布时间", en="Published at", edit=False)

    scheme_version: Mapped[EvalSchemeVersion] = relationship()


class EvalRunStat(Model):
    """What scoring used of all subjects of a run: how many had a value, its range, the edges of its quantiles."""

    __tablename__ = "eval_run_stat"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_run_stat_slot",
            "run_id",
            "slot",
            "peer",
            zh="该统计已存在。",
            en="This statistic exists.",
        ),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(Integer)
    peer: Mapped[Short] = mapped_column(default="")
    counted: Mapped[Big] = mapped_column(default=0)
    missing: Mapped[Big] = mapped_column(default=0)
    low: Mapped[Big | None]
    high: Mapped[Big | None]
    edges: Mapped[Json | None]


class EvalRunChunk(Model):
    """A range of subjects of a run whose results stand, with their checksum: where a killed run goes on."""

    __tablename__ = "eval_run_chunk"
    __rows__ = Rows.inner
    __table_args__ = (
        unique("uq_eval_run_chunk_no", "run_id", "no", zh="该分段已存在。", en="This chunk exists."),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id", ondelete="CASCADE"))
    no: Mapped[int] = mapped_column(Integer)
    low_id: Mapped[Big]
    high_id: Mapped[Big]
    subjects: Mapped[int] = mapped_column(Integer)
    checksum: Mapped[str] = mapped_column(String(64))


SLOTS = 24
"""How many indicators a scheme may have: each has one column for its raw value and one for its score."""


class EvalResult(Model):
    """What a run found for one subject: its total and grade, and per indicator the raw value and the score.

    `v01`…`v24` are raw values in the smallest unit of their kind, `s01`…`s24` scores in 1/100 point, NULL where there
    is none. `grade_no` counts the grades of the scheme version from 0; `coverage` is in 1/10,000 of the weight. What a
    run writes a million times has one index and no foreign key: that its run is there and open, the triggers see to
    once a statement (`migrations/sealed_results.py`).
    """

    __tablename__ = "eval_result"
    __rows__ = Rows.inner
    __table_args__ = (
        *[Column(f"v{slot:02}", BigInteger) for slot in range(1, SLOTS + 1)],
        *[Column(f"s{slot:02}", Integer) for slot in range(1, SLOTS + 1)],
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    subject_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    total: Mapped[int | None] = mapped_column(Integer)
    grade_no: Mapped[int | None] = mapped_column(SmallInteger)
    coverage: Mapped[int | None] = mapped_column(Integer)
    flags: Mapped[int] = mapped_column(Integer, default=0)


class EvalManualScore(Stamped, Model):
    """The points one rater gave one subject for an indicator nothing computes, with what he bases them on."""

    __tablename__ = "eval_manual_score"
    __label__ = "人工评分", "Manual scores"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_manual_score_rater",
            "scheme_id",
            "indicator",
            "period_from",
            "period_to",
            "subject_id",
            "rater_id",
            zh="您已为该对象评过此项。",
            en="You have already scored this subject here.",
        ),
        rule(
            "points_in_range",
            "points >= 0 AND points <= 10000",
            zh="分数须在 0 到 100 之间。",
            en="Points lie between 0 and 100.",
        ),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = belongs_to("eval_scheme.id", zh="方案", en="Scheme", listed=True, index=False)
    indicator: Mapped[Code] = field(zh="指标", en="Indicator", listed=True)
    period_from: Mapped[date] = field(Date, zh="评价期自", en="Period from", listed=True)
    period_to: Mapped[date] = field(Date, zh="评价期至（不含）", en="Period to (excluded)")
    subject_id: Mapped[int] = mapped_column(Integer)
    rater_id: Mapped[int] = belongs_to("employee.id", zh="评分人", en="Rater", listed=True)
    points: Mapped[Decimal] = field(PointsType, zh="分数", en="Points", listed=True)
    evidence: Mapped[Long | None] = field(zh="依据", en="Evidence", listed=True)


class EvalOverride(Stamped, Model):
    """A grade decided otherwise than the run found it, with the reason; the result itself stays as it is."""

    __tablename__ = "eval_override"
    __label__ = "等级调整", "Grade overrides"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_override_subject",
            "run_id",
            "subject_id",
            zh="该对象已有调整。",
            en="This subject has an override.",
        ),
        rule("reason_given", "length(reason) > 0", zh="请填写调整原因。", en="An override needs its reason."),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = belongs_to("eval_run.id", zh="评价运行", en="Run", index=False)
    subject_id: Mapped[int] = mapped_column(Integer)
    from_grade: Mapped[Code | None] = field(zh="原等级", en="From")
    to_grade: Mapped[Code] = field(zh="调整后等级", en="To")
    reason: Mapped[Long] = field(zh="原因", en="Reason")
    request_id: Mapped[int | None] = mapped_column(ForeignKey("approval_request.id"), index=True)
    valid_to: Mapped[date | None] = field(Date, zh="有效期至", en="Valid until")


class EvalCurrent(Model):
    """The grade a subject holds under a scheme now, and the run it comes from; written by publication alone."""

    __tablename__ = "eval_current"
    __rows__ = Rows.inner
    __table_args__ = (
        unique(
            "uq_eval_current_subject",
            "scheme_id",
            "subject_id",
            zh="该对象已有当前等级。",
            en="This subject has its current grade.",
        ),
        Index("ix_eval_current_subject", "subject_id"),
    )

    id: Mapped[Id]
    scheme_id: Mapped[int] = mapped_column(ForeignKey("eval_scheme.id"))
    subject_id: Mapped[int] = mapped_column(Integer)
    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id"), index=True)
    grade: Mapped[Code]
    grade_no: Mapped[int] = mapped_column(SmallInteger)
    total: Mapped[int | None] = mapped_column(Integer)
    effective_from: Mapped[Day]


class FeedbackWay(Choice):
    """How a result was told."""

    visit = enum.auto(), "登门", "In person"
    meeting = enum.auto(), "会议", "Meeting"
    call = enum.auto(), "电话", "Call"
    letter = enum.auto(), "书面", "Letter"
    mail = enum.auto(), "电子邮件", "E-mail"


class Opinion(Choice):
    """What the rated thinks of his result."""

    none = enum.auto(), "未表态", "No opinion"
    agrees = enum.auto(), "认可", "Agrees", "ok"
    partly = enum.auto(), "部分认可", "Agrees in part", "warn"
    disagrees = enum.auto(), "不认可", "Disagrees", "bad"


class EvalFeedback(Stamped, Binned, Extended, Model):
    """A result told to the customer or employee it is about, and what he thinks of it (L-12); files go with it."""

    __tablename__ = "eval_feedback"
    __label__ = "评价反馈", "Evaluation feedback"
    __rows__ = Rows.owned
    __title__ = ("told_on", "told_to")
    __table_args__ = (
        rule(
            "of_one",
            "(customer_id IS NULL) <> (employee_id IS NULL)",
            zh="反馈针对一个客户或一名员工。",
            en="Feedback is for one customer or one employee.",
        ),
        Index("ix_eval_feedback_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    run_id: Mapped[int] = belongs_to("eval_run.id", zh="评价运行", en="Run", listed=True)
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    employee_id: Mapped[int | None] = belongs_to("employee.id", zh="员工", en="Employee", listed=True)
    told_on: Mapped[date] = field(Date, zh="反馈日期", en="Told on", listed=True, sort=True)
    way: Mapped[FeedbackWay] = field(
        one_of(FeedbackWay), zh="方式", en="How", listed=True, default=FeedbackWay.visit
    )
    told_to: Mapped[Short] = field(zh="对方人员", en="Told to", listed=True, search=True)
    content: Mapped[Long | None] = field(zh="反馈内容", en="What was said")
    opinion: Mapped[Opinion] = field(
        one_of(Opinion), zh="对方意见", en="Opinion", listed=True, default=Opinion.none
    )
    said: Mapped[Long | None] = field(zh="意见与建议", en="Opinion and suggestions")
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="反馈人", en="Told by", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    run: Mapped[EvalRun] = relationship()
    customer: Mapped[Customer | None] = relationship()
    employee: Mapped[Employee | None] = relationship(foreign_keys="EvalFeedback.employee_id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="EvalFeedback.owner_id")


class AppealStatus(Choice):
    """Where an appeal stands: upheld means that the grade is to be corrected by a new run."""

    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "复核中", "Under review", "run"
    returned = enum.auto(), "退回补充", "Returned", "warn"
    approved = enum.auto(), "成立，待更正", "Upheld, to be corrected", "warn"
    rejected = enum.auto(), "维持原等级", "Grade kept", "end"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    corrected = enum.auto(), "已由新评价更正", "Corrected by a new run", "ok"


class EvalAppeal(Stamped, Binned, Extended, Model):
    """An objection to a published grade, decided by approval; upheld, it is corrected by a new run."""

    __tablename__ = "eval_appeal"
    __label__ = "评价申诉", "Appeals against grades"
    __rows__ = Rows.owned
    __title__ = ("no", "raised_by")
    __table_args__ = (
        unique("uq_eval_appeal_no", "no", zh="申诉编号已存在。", en="This number is in use."),
        rule(
            "of_one",
            "(customer_id IS NULL) <> (employee_id IS NULL)",
            zh="申诉针对一个客户或一名员工。",
            en="An appeal is about one customer or one employee.",
        ),
        rule(
            "corrected_by_a_run",
            "status <> 'corrected' OR corrected_run_id IS NOT NULL",
            zh="更正要有对应的评价运行。",
            en="What is corrected names the run that did it.",
        ),
        Index("ix_eval_appeal_scope", "org_unit_id", "id"),
    )

    id: Mapped[Id]
    no: Mapped[str | None] = field(
        String(60), zh="申诉编号", en="Appeal no.", edit=False, listed=True, sort=True, search=True
    )
    run_id: Mapped[int] = belongs_to("eval_run.id", zh="评价运行", en="Run", listed=True)
    customer_id: Mapped[int | None] = belongs_to("customer.id", zh="客户", en="Customer", listed=True)
    employee_id: Mapped[int | None] = belongs_to("employee.id", zh="员工", en="Employee", listed=True)
    raised_on: Mapped[date] = field(Date, zh="提出日期", en="Raised on", listed=True, sort=True)
    raised_by: Mapped[Short] = field(zh="提出人", en="Raised by", listed=True, search=True)
    grounds: Mapped[Long] = field(zh="申诉理由", en="Grounds")
    wish: Mapped[Long | None] = field(zh="诉求", en="What is asked for")
    corrected_run_id: Mapped[int | None] = belongs_to(
        "eval_run.id", zh="更正的评价运行", en="Corrected by run", edit=False
    )
    status: Mapped[AppealStatus] = field(
        one_of(AppealStatus), zh="状态", en="Status", edit=False, listed=True, default=AppealStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to(
        "employee.id", zh="受理人", en="Taken by", listed=True, edit=False
    )
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

    run: Mapped[EvalRun] = relationship(foreign_keys="EvalAppeal.run_id")
    corrected_run: Mapped[EvalRun | None] = relationship(foreign_keys="EvalAppeal.corrected_run_id")
    customer: Mapped[Customer | None] = relationship()
    employee: Mapped[Employee | None] = relationship(foreign_keys="EvalAppeal.employee_id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="EvalAppeal.owner_id")
