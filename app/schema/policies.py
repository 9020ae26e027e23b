"""The written policies of the company, in editions."""

from __future__ import annotations

import enum
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Date, Index, Integer, text
from sqlalchemy.orm import Mapped, relationship

from app.columns import Choice, Code, Id, Long, Rows, Short, belongs_to, field, one_of, rule, unique
from app.extensions import Model
from app.schema.common import Binned, Extended, Stamped

if TYPE_CHECKING:
    from app.schema.people import Employee, OrgUnit


class DecidedBy(Choice):
    """Who puts a policy into force; every edition of it takes the same way (V-07)."""

    gm_chairman = enum.auto(), "总经理、董事长", "GM, then chairman"
    leading_group = enum.auto(), "公司领导小组", "Leading group"


class PolicyStatus(Choice):
    """Where an edition of a policy stands (SM-22, coarse)."""

    draft = enum.auto(), "起草中", "Drafting"
    in_approval = enum.auto(), "审批中", "In approval", "run"
    returned = enum.auto(), "已退回", "Returned", "warn"
    approved = enum.auto(), "待生效", "To take effect", "ok"
    rejected = enum.auto(), "已驳回", "Rejected", "bad"
    withdrawn = enum.auto(), "已撤销", "Cancelled", "end"
    effective = enum.auto(), "现行有效", "Effective", "ok"
    superseded = enum.auto(), "已被新版替代", "Superseded", "end"
    repealed = enum.auto(), "已废止", "Repealed", "end"


class PolicyDocument(Stamped, Binned, Extended, Model):
    """An edition of a written policy; a revision is a new edition that takes the place of the former (V-01, V-06)."""

    __tablename__ = "policy_document"
    __label__ = "制度文件", "Policy documents"
    __rows__ = Rows.owned
    __title__ = ("code", "title")
    __table_args__ = (
        unique(
            "uq_policy_document_edition",
            "code",
            "edition",
            zh="该制度的这一版次已存在。",
            en="This edition of the policy exists.",
        ),
        rule(
            "revision_has_reason",
            "supersedes_id IS NULL OR change_summary IS NOT NULL",
            zh="请说明修订内容。",
            en="Say what is revised.",
        ),
        Index("ix_policy_document_scope", "org_unit_id", "id"),
        Index(
            "uq_policy_document_effective",
            "code",
            unique=True,
            sqlite_where=text("status = 'effective'"),
            postgresql_where=text("status = 'effective'"),
        ),
    )

    id: Mapped[Id]
    code: Mapped[Code] = field(zh="制度编号", en="Policy no.", listed=True, sort=True, search=True)
    title: Mapped[Short] = field(zh="制度名称", en="Title", listed=True, search=True)
    edition: Mapped[int] = field(Integer, zh="版次", en="Edition", edit=False, listed=True, default=1)
    decided_by: Mapped[DecidedBy] = field(
        one_of(DecidedBy), zh="批准机构", en="Put into force by", default=DecidedBy.gm_chairman
    )
    purpose: Mapped[Long | None] = field(zh="目的", en="Purpose")
    scope: Mapped[Long | None] = field(zh="适用范围", en="Scope")
    principles: Mapped[Long | None] = field(zh="基本原则", en="Principles")
    definitions: Mapped[Long | None] = field(zh="术语定义", en="Definitions")
    legal_basis: Mapped[Long | None] = field(zh="法律依据", en="Legal basis")
    content: Mapped[Long | None] = field(zh="正文", en="Text")
    interpreter_unit_id: Mapped[int | None] = belongs_to(
        "org_unit.id", zh="解释部门", en="Interpreted by", listed=True
    )
    effective_on: Mapped[date] = field(Date, zh="生效日期", en="Effective on", listed=True, sort=True)
    supersedes_id: Mapped[int | None] = belongs_to("policy_document.id", zh="修订自", en="Revises")
    change_summary: Mapped[Long | None] = field(zh="修订说明", en="What is revised")
    consultation: Mapped[Long | None] = field(
        zh="征求意见处理", en="Comments and what came of them", edit=False
    )
    status: Mapped[PolicyStatus] = field(
        one_of(PolicyStatus), zh="状态", en="Status", edit=False, listed=True, default=PolicyStatus.draft
    )
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="起草人", en="Drafted by", edit=False)
    org_unit_id: Mapped[int | None] = belongs_to(
        "org_unit.id", zh="归口部门", en="Owner department", edit=False, listed=True
    )

    interpreter_unit: Mapped[OrgUnit | None] = relationship(foreign_keys="PolicyDocument.interpreter_unit_id")
    supersedes: Mapped[PolicyDocument | None] = relationship(remote_side="PolicyDocument.id")
    owner: Mapped[Employee | None] = relationship(foreign_keys="PolicyDocument.owner_id")
    org_unit: Mapped[OrgUnit | None] = relationship(foreign_keys="PolicyDocument.org_unit_id")
