"""A record type of the tests alone: a document with whatever fields a scenario gives it.

Its table lives in metadata of its own, so that the schema of the product stays what it is.
"""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.columns import Choice, MomentType, Rows, one_of
from app.extensions import company
from app.services.language.catalogue import Catalogue, Fact
from app.services.language.kinds import BOOL, QUANTITY, TEXT
from app.words import Words
from app.workflows.definitions.shared import decided
from app.workflows.machine import By, Machine, machines, moves
from app.workflows.subjects import Subject, catalogue_of, formula, subjects


class Base(DeclarativeBase):
    metadata = MetaData()


class DocumentState(Choice):
    draft = enum.auto(), "草稿", "Draft"
    in_approval = enum.auto(), "审批中", "In approval"
    returned = enum.auto(), "已退回", "Returned"
    approved = enum.auto(), "已通过", "Approved"
    rejected = enum.auto(), "已驳回", "Rejected"
    withdrawn = enum.auto(), "已撤销", "Cancelled"
    not_required = enum.auto(), "无需审批", "Not required"


class ScenarioDocument(Base):
    __tablename__ = "scenario_document"
    __label__ = "测试单据", "Documents"
    __rows__ = Rows.owned

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[DocumentState] = mapped_column(one_of(DocumentState), default=DocumentState.draft)
    content: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    posted: Mapped[bool] = mapped_column(default=False)
    owner_id: Mapped[int | None] = mapped_column(Integer)
    org_unit_id: Mapped[int | None] = mapped_column(Integer)
    deleted_at: Mapped[Any] = mapped_column(MomentType, nullable=True)
    version_no: Mapped[int] = mapped_column(Integer, default=1)
    named: Mapped[str | None] = mapped_column(String(60))

    __mapper_args__ = {"version_id_col": version_no}

    def __getattr__(self, name: str) -> Any:
        """A field of a scenario's document, for rules that name people by a field."""
        content = self.__dict__.get("content")
        if name.startswith("_") or content is None or name not in content:
            raise AttributeError(name)
        return content[name]


def post(document: ScenarioDocument) -> None:
    document.posted = True


def unpost(document: ScenarioDocument) -> None:
    document.posted = False


LIFE = Machine(
    ScenarioDocument,
    first="draft",
    moves=(
        *decided(),
        moves("release", "draft", "not_required", Words("无需审批", "Not required"), by=By.approval),
        moves("post", "approved not_required", "approved", Words("过账", "Post"), then=(post,)),
        moves("post_released", "not_required", "not_required", Words("过账", "Post"), then=(post,)),
        moves(
            "reopen",
            "rejected withdrawn returned approved not_required",
            "draft",
            Words("重新起草", "Reopen"),
            then=(unpost,),
        ),
    ),
)

SUBJECT = Subject(
    ScenarioDocument,
    parties=("owner_id",),
    catalogue=Catalogue([]),
    values=lambda document: exact(document.content),
    shown=lambda document: {**document.content, "attachment": []},
)


def withdraw() -> None:
    """Take the record type off the product's lists again: it is on them only while a scenario is replayed."""
    subjects.pop(SUBJECT.object_type, None)
    machines.pop(ScenarioDocument, None)


withdraw()


def settle_facts(documents: list[dict[str, Any]]) -> None:
    """Make the fields of a scenario's document askable, by the kind of their values."""
    facts: dict[str, Fact] = {}
    for name, value in [pair for document in documents for pair in document.items()]:
        kind = BOOL if isinstance(value, bool) else QUANTITY if isinstance(value, int | float) else TEXT
        facts.setdefault(name, Fact(name, kind, name, name))
    object.__setattr__(SUBJECT, "catalogue", Catalogue(facts.values(), zone=company.zone))
    catalogue_of.cache_clear()
    formula.cache_clear()


def exact(content: dict[str, Any]) -> dict[str, Any]:
    """The values as the product holds them: numbers are decimals."""
    return {
        name: Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in content.items()
    }
