"""The life of a list of key customers (SM-18): decided as a whole; then it is what customers are classed by."""

from __future__ import annotations

from typing import Any

from app.models import KeyList, ListChange
from app.services import classes, numbering
from app.words import Words, say
from app.workflows.definitions.shared import decided
from app.workflows.effects import effect
from app.workflows.machine import Machine, check
from app.workflows.subjects import Subject

NUMBERS = numbering.Series("key_list", "MD{year}-{n:03d}")
SCHEME = "KEY-TIER"


@check("key_list_is_whole", KeyList, zh="每个客户都写明入选依据", en="every customer on it has its evidence")
def key_list_is_whole(key_list: Any) -> Words | None:
    """Every customer on it meets a criterion, with evidence (C-18)."""
    rows = _rows(key_list)
    if not rows:
        return say(zh="请先填写名单明细。", en="Put customers on the list first.")
    bare = next((row for row in rows if row.change is not ListChange.drop and not row.evidence), None)
    if bare is not None:
        return say(
            zh="客户“{name}”缺少入选依据。",
            en='There is no evidence for "{name}".',
            name=bare.customer.name,
        )
    return None


def _rows(key_list: Any) -> list[Any]:
    return [row for row in key_list.rows if row.deleted_at is None]


def number(key_list: Any) -> None:
    key_list.no = key_list.no or numbering.take(NUMBERS)


@effect("publish_key_list", KeyList, zh="更新重点客户分类", en="publish the classes of the key customers")
def publish_key_list(key_list: Any) -> None:
    """Close and open the classes of the customers on the list; nobody marks a customer as key by hand (C-19, C-20)."""
    for row in _rows(key_list):
        dropped = row.change is ListChange.drop
        classes.hold(
            row.customer_id, SCHEME, None if dropped else row.tier.value.upper(), row.reason or key_list.title
        )
        row.customer.is_key = not dropped


SUBJECT = Subject(KeyList, lines=("rows",))

KEY_LIST = Machine(
    KeyList,
    first="draft",
    moves=decided(submit_checks=("key_list_is_whole",), on_submit=(number,)),
    closed=("approved", "rejected", "withdrawn"),
)
