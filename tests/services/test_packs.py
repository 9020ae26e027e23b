"""Packs: read strictly, loaded idempotently, respectful of what administrators changed, exported again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import func, select

from app.errors import BadInput, NotFound, Refusal
from app.extensions import db, transaction
from app.models import AuditLog, ClassificationValue, Lookup, PackEntry, Parameter, RoleGrant
from app.roles import Act, Reach
from app.services import access, packs
from app.services.packs import Fate

KEY = "admission.review_days"


@pytest.fixture
def system(in_app: Flask) -> Iterator[None]:
    with access.acting(access.SYSTEM):
        yield


def load(name: str | Path = "base") -> packs.Report:
    with transaction():
        return packs.load(str(name))


def value_of(key: str) -> str | None:
    return db.session.scalar(select(Parameter.value).where(Parameter.key == key))


def set_value(key: str, value: str) -> None:
    with transaction():
        row = db.session.scalars(select(Parameter).where(Parameter.key == key)).one()
        row.value = value


@pytest.fixture
def own_pack(tmp_path: Path) -> Path:
    """A small pack of a company, to be changed by the test."""
    folder = tmp_path / "own"
    write(folder, "pack.yaml", "code: own\nzh: 自有包\nen: Our own\n")
    write(folder, "parameters.yaml", parameter("own.days", "3"))
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def parameter(key: str, value: str) -> str:
    return f'- {{key: {key}, zh: 天数, en: Days, value: "{value}", unit: d}}\n'


# ---- shipped packs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", packs.shipped())
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_shipped_pack_has_nothing_wrong_with_it(name: str, in_app: Flask) -> None:
    assert [finding.sentence.en for finding in packs.lint(name)] == []


@pytest.mark.usefixtures("system")
def test_loading_every_shipped_pack_twice_changes_nothing_the_second_time() -> None:
    for name in packs.shipped():
        load(name)
    before = footprint()
    again = [load(name) for name in packs.shipped()]

    assert not any(report.is_changed for report in again)
    assert {item.fate for report in again for item in report.items} <= {
        Fate.unchanged,
        Fate.overlaid,
        Fate.skipped,
    }
    assert footprint() == before


def footprint() -> dict[str, int]:
    tables = (Lookup, Parameter, RoleGrant, ClassificationValue, PackEntry, AuditLog)
    return {table.__tablename__: db.session.scalar(select(func.count(table.id))) or 0 for table in tables}


@pytest.mark.usefixtures("system")
def test_what_stands_after_loading_is_what_the_pack_says() -> None:
    for name in packs.shipped():
        load(name)

    for name in packs.shipped():
        left = [item for item in packs.diff(name).items if item.fate not in {Fate.unchanged, Fate.skipped}]
        assert left == [], name


@pytest.mark.req("A-40")
@pytest.mark.usefixtures("system")
def test_roles_come_with_their_grants_and_names_in_both_languages() -> None:
    load()
    labels = {row.code: row for row in db.session.scalars(select(Lookup).where(Lookup.category == "role"))}
    roles = {role.name: role.id for role in db.session.scalars(select(Role)) if role.name in labels}
    grants = {
        (grant.role_id, grant.resource, grant.act): grant.reach
        for grant in db.session.scalars(select(RoleGrant))
    }

    assert labels["seller"].name_zh == "销售人员" and labels["seller"].name_en == "Seller"
    assert grants[roles["seller"], "customer", Act.read] is Reach.own
    assert grants[roles["sales_head"], "customer", Act.reassign] is Reach.unit
    assert {resource for _role, resource, _act in grants} <= packs.tables.resources()


@pytest.mark.usefixtures("system")
def test_an_administrator_configures_and_sees_no_business_record() -> None:
    load()
    role = db.session.scalars(select(Role).where(Role.name == "administrator")).one()
    held = {
        grant.resource for grant in db.session.scalars(select(RoleGrant).where(RoleGrant.role_id == role.id))
    }

    assert {"role_grant", "parameter", "approval_flow"} <= held
    assert not held & {"customer", "contact", "order", "contract", "admission", "visit", "complaint", "*"}


@pytest.mark.usefixtures("system")
def test_a_pack_brings_those_it_requires() -> None:
    report = load("seed-industry")

    assert {item.pack for item in report.items} == {"base", "seed-industry"}
    crops = select(Lookup.code).where(Lookup.category == "product_category")
    assert {"goods", "corn_seed"} <= set(db.session.scalars(crops))


# ---- upgrades ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_an_entry_nobody_changed_follows_the_pack(own_pack: Path) -> None:
    load(own_pack)
    write(own_pack, "parameters.yaml", parameter("own.days", "5"))

    report = load(own_pack)

    assert [item.code for item in report.of(Fate.replaced)] == ["own.days"]
    assert value_of("own.days") == "5"


@pytest.mark.usefixtures("system")
def test_an_entry_an_administrator_changed_is_kept_and_listed_as_a_conflict(own_pack: Path) -> None:
    load(own_pack)
    set_value("own.days", "9")

    assert [item.code for item in load(own_pack).of(Fate.kept)] == ["own.days"]
    write(own_pack, "parameters.yaml", parameter("own.days", "5"))
    report = load(own_pack)

    assert [(item.code, item.differences) for item in report.conflicts] == [("own.days", ("value",))]
    assert value_of("own.days") == "9"
    assert [item.code for item in load(own_pack).conflicts] == ["own.days"]


@pytest.mark.usefixtures("system")
def test_an_entry_taken_out_of_the_database_does_not_come_back(own_pack: Path) -> None:
    load(own_pack)
    with transaction():
        db.session.delete(db.session.scalars(select(Parameter).where(Parameter.key == "own.days")).one())
    write(own_pack, "parameters.yaml", parameter("own.days", "5"))

    assert [item.code for item in load(own_pack).of(Fate.retired)] == ["own.days"]
    assert value_of("own.days") is None


@pytest.mark.usefixtures("system")
def test_an_entry_switched_off_stays_off(own_pack: Path) -> None:
    write(own_pack, "lookups.yaml", "own_list:\n  - {code: one, zh: 一, en: One}\n")
    load(own_pack)
    with transaction():
        db.session.scalars(select(Lookup).where(Lookup.category == "own_list")).one().active = False
    write(own_pack, "lookups.yaml", "own_list:\n  - {code: one, zh: 壹, en: One}\n")

    assert [item.code for item in load(own_pack).of(Fate.retired)] == ["own_list/one"]
    row = db.session.scalars(select(Lookup).where(Lookup.category == "own_list")).one()
    assert (row.active, row.name_zh) == (False, "一")


@pytest.mark.usefixtures("system")
def test_a_later_pack_may_take_over_an_entry_and_the_earlier_one_leaves_it(own_pack: Path) -> None:
    load()
    write(own_pack, "pack.yaml", "code: own\nzh: 自有包\nen: Our own\nrequires: [base]\n")
    write(own_pack, "parameters.yaml", parameter(KEY, "4"))

    assert [item.code for item in load(own_pack).of(Fate.replaced)] == [KEY]
    assert [item.code for item in load("base").of(Fate.overlaid)] == [KEY]
    assert value_of(KEY) == "4"


@pytest.mark.usefixtures("system")
def test_a_grant_removed_from_a_role_of_the_pack_is_removed_on_upgrade(own_pack: Path) -> None:
    write(
        own_pack,
        "roles.yaml",
        "- {code: clerk, zh: 文员, en: Clerk, grants: {customer: {own: [read, edit]}}}\n",
    )
    load(own_pack)
    write(own_pack, "roles.yaml", "- {code: clerk, zh: 文员, en: Clerk, grants: {customer: {all: [read]}}}\n")
    load(own_pack)

    role = db.session.scalars(select(Role).where(Role.name == "clerk")).one()
    grants = db.session.scalars(select(RoleGrant).where(RoleGrant.role_id == role.id)).all()
    assert [(grant.resource, grant.act, grant.reach) for grant in grants] == [
        ("customer", Act.read, Reach.all)
    ]


# ---- what is wrong with a pack -----------------------------------------------------------------------------

FAULTS = {
    "- {key: a.b, zh: 甲, en: A, value: 3, colour: red}": "colour",
    "- {key: a.b, zh: 甲, value: 3}": "'en' is missing",
    "- {zh: 甲, en: A, value: 3}": "no code",
    "- {key: a.b, zh: 甲, en: A, value: 1}\n- {key: a.b, zh: 甲, en: A, value: 2}": "stands twice",
    "- {key: a.b, zh: 甲, en: A, value: 1, value: 2}": "stands twice",
    "- {key: a.b, zh: 甲, en: A, value: [1]}": "no valid value",
    "- {key: a.b, zh: 甲, en: A, value: 1": "cannot be read",
    "- a sentence": "key: value",
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("text", "said"), FAULTS.items())
@pytest.mark.usefixtures("system")
def test_a_fault_is_named_with_file_and_entry_and_nothing_is_loaded(
    own_pack: Path, text: str, said: str
) -> None:
    write(own_pack, "parameters.yaml", text)

    (finding, *_) = packs.lint(str(own_pack))
    assert said in finding.sentence.en and "parameters.yaml" in finding.sentence.zh
    with pytest.raises(BadInput):
        load(own_pack)
    assert db.session.scalar(select(func.count(PackEntry.id)).where(PackEntry.pack == "own")) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ("{dragon: {own: [read]}}", "'dragon'"),
        ("{customer: {far: [read]}}", "'far'"),
        ("{customer: {own: [fly]}}", "'fly'"),
        ("{customer: [read]}", "'customer' must read"),
    ],
)
@pytest.mark.usefixtures("system")
def test_a_role_names_only_record_types_reaches_and_acts_there_are(
    own_pack: Path, grants: str, said: str
) -> None:
    write(own_pack, "roles.yaml", f"- {{code: clerk, zh: 文员, en: Clerk, grants: {grants}}}\n")

    (finding,) = packs.lint(str(own_pack))
    assert said in finding.words.en
    assert finding.words.zh != finding.words.en


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("system")
def test_words_like_no_and_on_stay_words_and_a_number_with_decimals_is_exact(own_pack: Path) -> None:
    write(own_pack, "lookups.yaml", "own_list:\n  - {code: no, zh: 否, en: on}\n")
    write(own_pack, "parameters.yaml", "- {key: own.share, zh: 份额, en: Share, value: 0.1}\n")
    load(own_pack)

    assert value_of("own.share") == "0.1"
    row = db.session.scalars(select(Lookup).where(Lookup.category == "own_list")).one()
    assert (row.code, row.name_en) == ("no", "on")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("system")
def test_an_unknown_kind_is_found_by_lint_and_named_as_skipped_when_loading(own_pack: Path) -> None:
    write(own_pack, "spells.yaml", "- {code: one}\n")

    assert ["'spells'" in finding.words.en for finding in packs.lint(str(own_pack))] == [True]
    assert [item.kind for item in load(own_pack).of(Fate.skipped)] == ["spells"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("system")
def test_packs_that_require_each_other_and_unknown_packs_are_refused(own_pack: Path) -> None:
    write(own_pack, "pack.yaml", f"code: own\nzh: 自有包\nen: Our own\nrequires: ['{own_pack}']\n")

    with pytest.raises(Refusal, match="own → own"):
        load(own_pack)
    with pytest.raises(NotFound):
        load("../etc")


# ---- comparing and exporting -------------------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_the_difference_is_told_without_writing(own_pack: Path) -> None:
    load(own_pack)
    write(own_pack, "parameters.yaml", parameter("own.days", "5") + parameter("own.more", "1"))

    fates = {item.code: item.fate for item in packs.diff(str(own_pack)).items}

    assert fates == {"own.days": Fate.replaced, "own.more": Fate.added}
    assert value_of("own.days") == "3"


@pytest.mark.usefixtures("system")
def test_what_an_administrator_changed_is_exported_as_a_pack_that_loads(tmp_path: Path) -> None:
    load()
    set_value(KEY, "8")
    with transaction():
        db.session.add(Lookup(category="industry", code="space", name_zh="航天", name_en="Space"))
    folder = tmp_path / "ours"

    report = packs.export(folder)

    assert {item.code for item in report.items} == {KEY, "industry/space"}
    assert packs.lint(str(folder)) == []
    set_value(KEY, "3")
    assert {item.code for item in load(folder).of(Fate.replaced)} == {KEY}
    assert value_of(KEY) == "8"
    with pytest.raises(Refusal):
        packs.export(folder)


@pytest.mark.usefixtures("system")
def test_the_whole_configuration_goes_out_and_comes_in_unchanged(tmp_path: Path) -> None:
    load("seed-industry")
    folder = tmp_path / "all"
    packs.export(folder, changed_only=False)

    assert packs.lint(str(folder)) == []
    assert {item.fate for item in packs.diff(str(folder)).items} == {Fate.unchanged}
    shutil.rmtree(folder)


# ---- on the command line -----------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_says_what_is_wrong_and_what_would_change(
    guanhu: Callable[..., subprocess.CompletedProcess[str]], own_pack: Path
) -> None:
    found = guanhu("pack", "diff", str(own_pack), "--json")
    assert [(row["code"], row["fate"]) for row in json.loads(found.stdout)] == [("own.days", "added")]

    write(own_pack, "parameters.yaml", "- {zh: 甲}")
    found = guanhu("pack", "lint", str(own_pack), "--json")
    assert found.returncode == 1
    assert {row["file"] for row in json.loads(found.stdout)} == {"parameters.yaml"}
    found = guanhu("pack", "load", str(own_pack), GUANHU_LANG="en")
    assert found.returncode == 1
    assert "own/parameters.yaml" in found.stderr
