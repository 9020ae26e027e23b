"""Incentive rules in packs: `rules.yaml`, one entry a number of the policy."""

from __future__ import annotations

from app.models import ThresholdRule
from app.services.packs import Table, register

register(
    Table(
        ThresholdRule,
        {
            "code": "code",
            "zh": "name_zh",
            "en": "name_en",
            "purpose": "purpose",
            "of": "quota_of",
            "number": "number",
            "month": "month_offset",
            "lower": "lower",
            "inclusive": "inclusive",
            "amount": "amount",
            "group": "exclusive_group",
            "valid_from": "valid_from",
            "valid_to": "valid_to",
            "article": "article",
            "active": "active",
        },
        refs={"unit": ("org_unit_id", "org_units"), "position": ("position_id", "positions")},
    ),
    "rules",
    after=("org_units", "positions"),
)
