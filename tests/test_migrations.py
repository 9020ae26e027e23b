"""The migrations build exactly what the models declare, on both databases: tables, keys, rules, closed sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import CheckConstraint, Connection, Enum, inspect, text

from app.extensions import Model, db, maintenance
from app.services.searching import number_of
from tests.conftest import MIGRATIONS

FOREIGN = re.compile(r"_fts(_(config|content|data|docsize|idx))?$|^alembic_version$|^ix_search_entry_tokens$")
REVISIONS = sorted((MIGRATIONS / "versions").glob("*.py"))


@pytest.fixture
def migrated(empty_app):
    """A connection to a database that went all the way up, down, and up again."""
    with empty_app.app_context():
        upgrade(str(MIGRATIONS))
        downgrade(str(MIGRATIONS), revision="base")
        with db.engine.connect() as connection:
            left = [name for name in inspect(connection).get_table_names() if not FOREIGN.search(name)]
        assert left == [], "the way down leaves tables behind"
        upgrade(str(MIGRATIONS))
        with db.engine.connect() as connection:
            yield connection
        db.session.remove()


def test_the_database_is_what_the_models_say(migrated: Connection):
    options = {
        "compare_type": True,
        "include_object": lambda _item, name, kind, *_: not FOREIGN.search(name or ""),
    }
    context = MigrationContext.configure(migrated, opts=options)
    assert compare_metadata(context, Model.metadata) == []

    # What Alembic does not compare: the rules of each table, and the words of each closed set.
    in_database = inspect(migrated)
    for table in Model.metadata.sorted_tables:
        found = {rule["name"]: rule["sqltext"] for rule in in_database.get_check_constraints(table.name)}
        declared = {str(rule.name): rule for rule in table.constraints if isinstance(rule, CheckConstraint)}
        assert set(found) == set(declared), table.name
        for column in table.columns:
            if isinstance(column.type, Enum):
                rule = found[f"ck_{table.name}_{column.type.name}"]
                assert set(re.findall(r"'(\w+)'", rule)) == set(column.type.enums), column


def test_the_history_is_one_line():
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


@pytest.mark.parametrize("file", REVISIONS, ids=lambda file: file.stem)
def test_a_revision_is_called_like_its_file_and_numbered_without_gap(file: Path):
    assert re.search(rf"^revision = ['\"]{file.stem}['\"]$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert int(file.stem[:4]) == REVISIONS.index(file) + 1


ENTRY = "INSERT INTO search_entry (id, object_type, object_id, tokens) VALUES (:id, :type, :object, :tokens)"


def test_entries_of_the_search_index_are_numbered_where_they_stand(empty_app):
    with empty_app.app_context():
        upgrade(str(MIGRATIONS), revision="0016_documents_that_are_gone")
        is_postgresql = db.engine.dialect.name == "postgresql"
        with maintenance(), db.engine.begin() as connection:
            for number, (type_, object_) in enumerate([("customer", 1), ("customer", 2), ("product", 1)], 1):
                tokens = ["云渚"] if is_postgresql else "云渚"
                given = {"id": number, "type": type_, "object": object_, "tokens": tokens}
                connection.execute(text(ENTRY), given)
        upgrade(str(MIGRATIONS))
        with db.engine.connect() as connection:
            rows = connection.execute(text("SELECT id, object_type, object_id FROM search_entry")).all()
            assert len(rows) == 3
            assert all(id_ == number_of(type_, object_) for id_, type_, object_ in rows)
            if not is_postgresql:
                found = connection.scalars(text("SELECT rowid FROM search_fts('\"云渚\"') ORDER BY 1"))
                assert found.all() == sorted(id_ for id_, *_rest in rows)
        db.session.remove()
