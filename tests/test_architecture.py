"""The rules of the house, checked: a rule that only stands in a document is soon no rule.

Layers are kept by import-linter, imports inside functions by ruff, migrations by `test_migrations.py`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from sqlalchemy import CheckConstraint, Enum, Float, Numeric, Table, UniqueConstraint

import config
from app import create_app, models
from app.columns import Choice, KeyRing, Rows
from app.extensions import Model
from app.services import audit
from tests.conftest import CHECKOUT

APP = CHECKOUT / "app"
MODULES = sorted(path for path in APP.rglob("*.py") if "node_modules" not in path.parts)
TEMPLATES = sorted((APP / "templates").rglob("*.html"))
CATALOGUE = APP / "translations" / "zh" / "LC_MESSAGES" / "messages.po"
OUR_MODELS = sorted(
    (mapper.class_ for mapper in Model.registry.mappers if mapper.class_.__module__.startswith("app.")),
    key=lambda model: model.__name__,
)
OUR_TABLES = [model.__table__ for model in OUR_MODELS]
CLOSED_SETS = sorted(
    (found for found in vars(models).values() if isinstance(found, type) and issubclass(found, Choice)),
    key=lambda choices: choices.__name__,
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(APP)))
every_model = pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model.__name__)
every_table = pytest.mark.parametrize("table", OUR_TABLES, ids=lambda table: table.name)
every_closed_set = pytest.mark.parametrize("choices", CLOSED_SETS, ids=lambda choices: choices.__name__)


def calls(module: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def in_both_languages(words: object) -> bool:
    return bool(CHINESE.search(words.zh)) and bool(words.en) and not CHINESE.search(words.en)


# ---- writing -----------------------------------------------------------------------------------------------


@every_module
def test_only_the_one_door_commits(module: Path):
    if module != APP / "extensions.py":
        found = [call.lineno for call in calls(module) if getattr(call.func, "attr", "") == "commit"]
        assert found == [], "commit through extensions.transaction()"


STATUS_WRITERS = {
    "services/jobs.py",  # of jobs
    "workflows/machine.py",  # of records
    "workflows/submitting.py",  # of requests, with those below:
    "workflows/deciding.py",
    "workflows/handing.py",
    "workflows/ending.py",
    "workflows/proceedings.py",  # steps, seats and tasks
    "workflows/timers.py",  # deadlines
    "workflows/flows.py",  # versions of flows
    "workflows/publications.py",  # versions of schemes
}


@every_module
def test_a_status_is_set_by_its_one_writer(module: Path):
    if str(module.relative_to(APP)) not in STATUS_WRITERS:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        targets = [
            target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets
        ]
        found = [
            target.lineno
            for target in targets
            if isinstance(target, ast.Attribute) and target.attr == "status"
        ]
        assert found == [], "a status moves through workflows.machine"


NOT_AUDITED = {
    *audit.SILENT,
    *("access_key", "command", "number_series", "sign_in_attempt", "user_session", "search_entry", "outbox"),
}
"""Ledgers and counters: what happens to them is told elsewhere, or is nobody's business."""


@every_module
def test_a_set_based_write_takes_its_audit_line_along(module: Path):
    """R21: on audited tables only through `services.bulk`."""
    if module == APP / "services" / "bulk.py":
        return
    for call in calls(module):
        if getattr(call.func, "id", "") in {"insert", "update", "delete"} and call.args:
            model = getattr(models, getattr(call.args[0], "id", ""), None)
            assert model is None or model.__tablename__ in NOT_AUDITED, (
                f"line {call.lineno}: use services.bulk"
            )


# ---- the schema --------------------------------------------------------------------------------------------


def test_the_schema_holds_no_behaviour():
    modules = list((APP / "schema").glob("*.py"))
    trees = [ast.parse(module.read_text(encoding="utf-8")) for module in modules]
    functions = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert functions == {"__mapper_args__"}


@every_model
def test_every_model_says_whose_its_rows_are(model):
    columns = model.__table__.columns
    assert isinstance(model.__rows__, Rows)
    if model.__rows__ is Rows.owned:
        assert {"owner_id", "org_unit_id"} <= set(columns.keys())
    elif model.__rows__ is Rows.follows:
        follows = [model.__follows__] if isinstance(model.__follows__, str) else model.__follows__
        assert all(columns[name].foreign_keys for name in follows)
    elif model.__rows__ is Rows.personal:
        assert model.__person__ in columns


@every_table
def test_every_label_exists_in_chinese_and_english(table: Table):
    for column in table.columns:
        if "field" in column.info:
            field = column.info["field"]
            assert in_both_languages(field.label), column
            assert field.help is None or in_both_languages(field.help), column
    for rule in table.constraints:
        if isinstance(rule, CheckConstraint | UniqueConstraint) and "message" in rule.info:
            assert in_both_languages(rule.info["message"]), rule.name


@every_model
def test_every_record_type_has_a_name_in_both_languages(model):
    label = getattr(model, "__label__", None)
    assert label is not None or model.__rows__ in {Rows.inner, Rows.follows, Rows.shared, Rows.personal}
    if label is not None:
        zh, en = label
        assert CHINESE.search(zh)
        assert en
        assert not CHINESE.search(en)


@every_table
def test_nothing_is_kept_in_floating_point_or_decimal_columns(table: Table):
    """R1: integers of a fixed scale, exact and equal on both databases."""
    assert [
        c.name for c in table.columns if isinstance(getattr(c.type, "impl", c.type), Numeric | Float)
    ] == []


@every_table
def test_every_foreign_key_a_person_chooses_is_indexed(table: Table):
    leading = {index.columns[0].name for index in table.indexes if len(index.columns)}
    leading |= {
        next(iter(key.columns)).name for key in table.constraints if isinstance(key, UniqueConstraint)
    }
    leading |= {column.name for column in table.primary_key.columns}
    found = [
        column.name
        for column in table.columns
        if column.foreign_keys and "field" in column.info and column.name not in leading
    ]
    assert found == []


@every_closed_set
def test_a_closed_set_is_checked_by_the_database_and_spoken_in_both_languages(choices):
    for member in choices:
        assert member.name == member.value
        assert in_both_languages(member.words), member
        assert member.tone in {"", "run", "ok", "warn", "bad", "end"}, member
    for table in OUR_TABLES:
        for column in table.columns:
            if isinstance(column.type, Enum) and column.type.enum_class is choices:
                assert column.type.native_enum is False
                assert column.type.create_constraint


# ---- templates, sentences, settings ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unbound(tmp_path_factory):
    """The app over a database that is not there."""
    folder = tmp_path_factory.mktemp("instance")
    settings = config.read(
        {"GUANHU_INSTANCE": str(folder), "GUANHU_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
        create_keys=True,
    )
    KeyRing.create(Path(settings["KEY_FILE"]))
    return create_app(settings)


def test_building_the_app_asks_the_database_nothing(unbound):
    assert unbound.url_map


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(APP / "templates")))
def test_every_template_compiles(unbound, template: Path):
    unbound.jinja_env.get_template(str(template.relative_to(APP / "templates")))


MSGID = re.compile(r"""\b(?:_|gettext)\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


@pytest.mark.skipif(not CATALOGUE.exists(), reason="there is no catalogue yet")
def test_the_chinese_catalogue_is_whole():
    with CATALOGUE.open("rb") as file:
        chinese = {message.id: message.string for message in read_po(file) if message.id}
    asked = {
        ast.literal_eval(text)
        for path in [*TEMPLATES, *MODULES]
        for text in MSGID.findall(path.read_text(encoding="utf-8"))
    }
    assert sorted(asked - set(chinese)) == [], "not in the catalogue: run `make catalogues` and translate"
    assert sorted(str(key) for key, text in chinese.items() if not text) == [], "not translated"


def test_the_docs_name_every_setting():
    page = (CHECKOUT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in config.SETTINGS if f"`{name}`" not in page] == []


@every_module
def test_only_the_command_line_reads_the_environment(module: Path):
    if module.is_relative_to(APP / "cli") or module.parent.name == "parsing":
        return
    read = re.search(r"os\.environ(?! \|=)|getenv", module.read_text(encoding="utf-8"))
    assert read is None, "settings come through app.config"  # what a library asks for may be told


# ---- what it stands on -------------------------------------------------------------------------------------

IMPORT_NAMES = {
    "yaml": "pyyaml",
    "stdnum": "python-stdnum",
    "python_calamine": "python-calamine",
    "flask_babel": "flask-babel",
    "sqlalchemy": "sqlalchemy",
    "wtforms": "wtforms",
}
"""Where the name one imports is not the name one installs."""
OF_EXTRAS = {"services/bucket.py": {"boto3", "botocore"}}
"""Modules that are imported only where a setting asks for their extra; its libraries are locked with the tools."""


def test_what_is_imported_is_declared_and_locked():
    """Else it works on the machine where somebody once installed it, and nowhere else."""
    locked = set(re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE))
    imported = set()
    for module in [*MODULES, CHECKOUT / "config.py", CHECKOUT / "migrations" / "env.py"]:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.split(".")[0])
    ours = {"app", "config", "migrations", "parsing"}
    needed = {
        IMPORT_NAMES.get(name, name.replace("_", "-")) for name in imported - sys.stdlib_module_names - ours
    }
    tools = set(
        re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / "requirements-dev.lock").read_text(), re.MULTILINE)
    )
    extras = set().union(*OF_EXTRAS.values())
    assert extras <= tools
    assert sorted(needed - locked - extras) == [], "add it to pyproject.toml and run `make lock`"
