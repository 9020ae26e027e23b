"""Evaluation: measures, schemes and their versions, runs, results and grades."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal

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
from app.schema.common import Stamped, Switched


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
    __title__ = ("id",)
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
    is none. `grade_no` counts the grades of the scheme version from 0; `coverage` is in 1/10,000 of the weight.
    """

    __tablename__ = "eval_result"
    __rows__ = Rows.inner
    __table_args__ = (
        *[Column(f"v{slot:02}", BigInteger) for slot in range(1, SLOTS + 1)],
        *[Column(f"s{slot:02}", Integer) for slot in range(1, SLOTS + 1)],
        Index("ix_eval_result_subject", "subject_id", "run_id"),
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("eval_run.id"), primary_key=True)
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
