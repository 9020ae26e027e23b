"""Measures over fields an administrator added: real data brought in by the import, and the figures published of them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from flask_appbuilder.security.sqla.models import Role

from app.errors import BadInput, NotAllowed, WrongState
from app.extensions import db, transaction
from app.models import Customer, EvalScheme, EvalSchemeVersion, InfoItem, ItemType
from app.roles import Reach
from app.services import access, imports, packs, records, sheets
from app.workflows import importing
from app.workflows.evaluation import explaining, runs
from app.workflows.evaluation.pins import pin
from tests.workflows.evaluation import published, shop
from tests.world import give_everything

NOW = "2025-01-01..2025-12-31"


def bring_in(resource: str, rows: Iterable[Mapping[str, Any]], mapping: Mapping[str, Any]) -> imports.Counts:
    """Import rows as a file of theirs would be; `mapping` is what a mapping file says."""
    rows = list(rows)
    with TemporaryDirectory() as folder, access.acting(access.SYSTEM):
        path = Path(folder) / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        order = imports.Order(
            resource=resource,
            path=path,
            file_name=path.name,
            wish=imports.Wish.parse(dict(mapping)),
            opening=importing.opening_of(resource),
            reason="figures",
            limits=sheets.LARGE,
        )
        return importing.write(imports.stage(order))


def named(rows: Iterable[Mapping[str, Any]], letter: str) -> Iterable[dict[str, Any]]:
    """Rows of customers that have neither code nor name get both."""
    return (
        {"code": f"{letter}{n:04}", "name": f"Firm {letter}{n:04}"} | dict(row)
        for n, row in enumerate(rows, 1)
    )


def table(name: str) -> list[dict[str, str]]:
    with published.file(name).open(encoding="utf-8") as source:
        return list(csv.DictReader(source))


# ---- a wholesaler's customers ----------------------------------------------------------------------------------------

SPENT = ("Fresh", "Milk", "Grocery", "Frozen", "Delicassen")
CHANNELS, REGIONS = ("Horeca", "Retail"), ("Lisbon", "Oporto", "Other")


def wholesale() -> int:
    """Customers by channel and region, with what they spend in a year on five kinds of goods."""
    for key in SPENT:
        shop.field(key.lower(), ItemType.number)
    shop.field("channel", ItemType.choice, *(f"{one}渠道 | {one}" for one in CHANNELS))
    shop.field("region", ItemType.choice, *(f"{one}地区 | {one}" for one in REGIONS))
    mapping = {
        "columns": {"code": "code", "name": "name", "Channel": "extra.channel", "Region": "extra.region"}
        | {key: f"extra.{key.lower()}" for key in SPENT},
        "words": {
            "extra.channel": {str(n): one for n, one in enumerate(CHANNELS, 1)},
            "extra.region": {str(n): one for n, one in enumerate(REGIONS, 1)},
        },
    }
    rows = table("credit/wholesale_customers.csv")
    return bring_in("customer", named(rows, "W"), mapping).created


def test_the_published_figures_of_a_wholesaler_come_out_exactly(in_app):
    """The spread of what customers spend, over the 440 who have a value; how many there are of a channel or region."""
    assert wholesale() == 440
    scheme = published.body({}, indicators=published.shown(f"extra.{key.lower()}" for key in SPENT))
    spreads = published.spread_of(scheme, NOW)
    assert {one.counted for one in spreads.values()} == {one.subjects for one in spreads.values()} == {440}
    scale = 1_000  # a number is kept in thousandths
    found: dict[str, Any] = {
        f"{key} min,max,mean,sd": [
            one.low // scale,
            one.high // scale,
            round(one.mean, 2),
            round(one.deviation, 3),
        ]
        for key in SPENT
        if (one := spreads[f"extra.{key.lower()}"]).low is not None
    }
    found |= {
        "customers": counted("W0001", "name is not missing")[0],
        "channels Horeca/Retail": counted("W0001", *(f'extra.channel = "{one}"' for one in CHANNELS)),
        "regions Lisbon/Oporto/Other": counted("W0001", *(f'extra.region = "{one}"' for one in REGIONS)),
    }
    assert found == published.figures_of("Wholesale")


# ---- applicants for credit -------------------------------------------------------------------------------------------

CHECKING = {
    "no checking account": "无账户 | None",
    "... < 0 DM": "透支 | Overdrawn",
    "0 <= ... < 200 DM": "少于200 | Below 200",
    "... >= 200 DM / salary assignments for at least 1 year": "200以上 | 200 or more",
}
HISTORY = {
    "existing credits paid back duly till now": "按期偿还 | Duly until now",
    "critical account/ other credits existing (not at this bank)": "另有贷款 | Critical",
    "delay in paying off in the past": "曾逾期 | Delayed",
    "all credits at this bank paid back duly": "本行均还清 | All duly here",
    "no credits taken/ all credits paid back duly": "无贷款 | None taken",
}
NUMBERS = ("duration_in_month", "credit_amount", "age_in_years")


def test_the_published_figures_of_credit_applicants_come_out_exactly(in_app):
    """Means and deviations over the 1,000 who have a value; a year of age is a number, a credit is money."""
    choices = {
        "status_of_existing_checking_account": ("checking", CHECKING),
        "credit_history": ("history", HISTORY),
    }
    for key, kind in zip(NUMBERS, (ItemType.number, ItemType.money, ItemType.number), strict=True):
        shop.field(key, kind)
    for key, words in choices.values():
        shop.field(key, ItemType.choice, *words.values())
    shop.field("good", ItemType.flag)
    columns = {"code": "code", "name": "name", "creditability": "extra.good"}
    columns |= {key: f"extra.{key}" for key in NUMBERS} | {
        head: f"extra.{key}" for head, (key, _) in choices.items()
    }
    words = {
        f"extra.{key}": {word: line.partition(" | ")[2] for word, line in known.items()}
        for key, known in choices.values()
    }
    rows = [
        {key: row[key] for key in columns if key in row}
        | {"creditability": "yes" if row["creditability"] == "good" else "no"}
        for row in table("credit/german_credit.csv")
    ]
    assert bring_in("customer", named(rows, "G"), {"columns": columns, "words": words}).created == 1000

    scheme = published.body({}, indicators=published.shown(f"extra.{key}" for key in NUMBERS))
    spreads = published.spread_of(scheme, NOW)
    assert {one.counted for one in spreads.values()} == {one.subjects for one in spreads.values()} == {1000}
    found: dict[str, Any] = {
        f"{key} mean,sd": [round(one.mean, 2), round(one.deviation, 2)]
        for key in NUMBERS
        if (one := spreads[f"extra.{key}"]).mean is not None and one.deviation is not None
    }
    found["good/bad"] = counted("G0001", "extra.good = true", "extra.good = false")
    for figure, key, known in (
        ("checking status counts", "checking", CHECKING),
        ("credit history counts", "history", HISTORY),
    ):
        names = [line.partition(" | ")[0] for line in known.values()]
        found[figure] = counted("G0001", *(f'extra.{key} = "{name}"' for name in names))[:4]
    assert found == published.figures_of("German credit")


def counted(code: str, *conditions: str) -> list[int]:
    """How many customers fulfil each condition, in one run over one of them."""
    measures = {f"n{number}": {"aggregate": "count", "where": one} for number, one in enumerate(conditions)}
    return list(published.measured(measures, "customers", NOW, code).values())


# ---- what tenants answered -------------------------------------------------------------------------------------------


def test_the_respondents_of_a_survey_are_counted_over_their_answers(in_app):
    """The answers of the tenants are survey answers with fields of their own; three levels stand for 0, 50, 100 points."""
    for key in ("influence", "dwelling", "contact"):
        shop.field(key, ItemType.text, table="survey_answer")
    shop.customer("LANDLORD")
    points = {"Low": 0, "Medium": 50, "High": 100}
    rows = [
        {
            "customer": "LANDLORD",
            "sent": "2025-03-01 09:00",
            "answered": "2025-03-02 09:00",
            "score": points[row["Sat"]],
            "influence": row["Infl"],
            "dwelling": row["Type"],
            "contact": row["Cont"],
        }
        for row in table("survey/housing_satisfaction_1681.csv")
    ]
    columns = {"customer": "customer_id", "sent": "invited_at", "answered": "answered_at", "score": "score"}
    columns |= {key: f"extra.{key}" for key in ("influence", "dwelling", "contact")}
    assert bring_in("survey_answer", rows, {"columns": columns}).created == len(rows)
    answers = {"source": "survey_answers", "aggregate": "count"}
    measures = {key.lower(): answers | {"where": f"score = {score} points"} for key, score in points.items()}
    measures |= {
        "all": answers,
        "kinds": answers | {"aggregate": "count_distinct", "of": "extra.dwelling"},
        "towers": answers | {"where": 'extra.dwelling = "Tower" and extra.influence = "High"'},
    }
    (found,) = published.by_subject(published.body(measures), NOW).values()
    towers = sum(row["dwelling"] == "Tower" and row["influence"] == "High" for row in rows)
    assert found == (567, 446, 668, 1681, 4, towers)
    assert {"respondents": found[3]} == published.figures_of("Housing satisfaction")


# ---- as fields of the house ------------------------------------------------------------------------------------------


def fill(customer_id: int, **values: Any) -> None:
    with access.acting(access.SYSTEM), transaction():
        record = db.session.get_one(Customer, customer_id)
        for key, value in values.items():
            setattr(record, f"extra.{key}", value)


def mixed() -> dict[str, Any]:
    """What was bought for each hectare, of those who are certified, and what the owner's customers farm together."""
    lines = {"source": "order_lines", "aggregate": "sum", "of": "amount"}
    files = {"source": "customers", "window": "all"}
    return published.body(
        {
            "bought": lines,
            "certified": files | {"aggregate": "count", "where": "extra.organic = true"},
            "since": files | {"aggregate": "count", "where": "extra.since < 2024-01-01"},
            "area": files | {"aggregate": "sum", "of": "extra.area", "whole": True},
            "large": files
            | {
                "aggregate": "sum",
                "of": "each",
                "where": "extra.area >= 10 units",
                "with": {"each": WITHIN | lines},
                "whole": True,
            },
        },
        population={"where": "extra.area > 0 units"},
    )


WITHIN = {"zh": "各", "en": "Each"}


def farms(world: Any) -> list[int]:
    for key, kind in (("area", ItemType.number), ("organic", ItemType.flag), ("since", ItemType.date)):
        shop.field(key, kind)
    values: tuple[dict[str, Any], ...] = (
        {"area": Decimal("12.5"), "organic": True, "since": date(2023, 5, 1)},
        {"area": Decimal(4), "since": date(2024, 5, 1)},
        {},
    )
    made = []
    for number, one in enumerate(values, 1):
        who = {"owner_id": world.employees["ann"], "org_unit_id": world.unit_of("ann")}
        made.append(shop.customer(f"K{number}", **who))
        shop.order(made[-1], "2025-03-01T10:00", 100 * number)
        fill(made[-1], **one)
    return made


@pytest.mark.req("B-21")
def test_added_fields_are_facts_of_subjects_and_of_sources(world, in_app):
    farms(world)
    found = published.by_subject(mixed(), NOW)
    assert found == {"K1": (1_000_000, 1, 1, 16_500, 1_000_000), "K2": (2_000_000, 0, 0, 16_500, 1_000_000)}


def test_a_run_stays_readable_when_a_field_goes_out_of_use_and_nothing_new_is_measured_by_it(world, in_app):
    farms(world)
    run_id = shop.trial(mixed(), NOW)
    with access.acting(access.SYSTEM), transaction():
        for item in db.session.query(InfoItem):
            records.remove(item)
    with access.acting(access.SYSTEM):
        assert [line.key for line in explaining.explain(run_id, "K1").measures][:2] == ["bought", "certified"]
    with pytest.raises(WrongState, match="已停用"):
        shop.trial(mixed(), NOW)


@pytest.mark.req("V-06")
def test_what_one_may_not_see_is_not_measured_for_him(world, in_app):
    """Also not through what is measured of each row."""
    farms(world)
    with access.acting(access.SYSTEM), transaction():
        area = db.session.query(InfoItem).filter_by(key="area").one()
        area.read_role_id = db.session.query(Role.id).filter_by(name="inspector").scalar()
    give_everything(world, "hana", Reach.all)
    hidden = {
        "whole": {"source": "customers", "aggregate": "sum", "of": "extra.area", "window": "all"},
        "each": {
            "source": "customers",
            "aggregate": "sum",
            "of": "within",
            "window": "all",
            "with": {
                "within": WITHIN
                | {"source": "customers", "aggregate": "sum", "of": "extra.area", "window": "all"}
            },
        },
    }
    for one in hidden.values():
        with access.acting(world.principal("hana")), pytest.raises(NotAllowed, match="字段area"):
            runs.start_trial(published.body({"one": one}), pin(NOW))
    with access.acting(world.principal("hana")):
        runs.start_trial(published.body({"one": {"source": "customers", "aggregate": "count"}}), pin(NOW))


def test_a_pack_brings_fields_and_a_scheme_that_goes_by_them(in_app, tmp_path):
    """What an administrator made on the screens comes to another company as files; a field nobody brings is refused."""
    body = published.body({}, indicators=published.shown(["extra.area"]))
    files = {
        "pack.yaml": "code: farms\nzh: 农场\nen: Farms\n",
        "info_items.yaml": "- {object_type: customer, key: area, zh: 面积, en: Area, kind: number}\n",
        "schemes/area.yaml": yaml.safe_dump(body, allow_unicode=True),
    }
    folder = tmp_path / "farms"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with access.acting(access.SYSTEM), transaction():
        packs.load(str(folder))
    fill(shop.customer("K1"), area=Decimal("12.5"))
    with access.acting(access.SYSTEM):
        brought = db.session.query(EvalSchemeVersion).join(EvalScheme).filter_by(code="FIGURES").one().body
    assert published.by_subject(brought, NOW) == {"K1": (12_500,)}
    wrong = yaml.safe_dump(body, allow_unicode=True).replace("extra.area", "extra.yield")
    (folder / "schemes/area.yaml").write_text(wrong, encoding="utf-8")
    with access.acting(access.SYSTEM), pytest.raises(BadInput, match=r"extra\.yield"), transaction():
        packs.load(str(folder))
