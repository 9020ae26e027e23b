"""The triggers that keep the results of a sealed evaluation run as they are: `upgrade(op)` and `downgrade(op)`.

A result belongs to a run that is there and open: these say so instead of a foreign key, which PostgreSQL would ask for
row after row. Once a run has its `sealed_at`, nobody adds, changes or removes a result of it, and what the run was
pinned to stays; and no run is removed before its results.
"""

from __future__ import annotations

from typing import Any

PINNED = (
    "id",
    "scheme_version_id",
    "kind",
    "revision",
    "period_from",
    "period_to",
    "as_of",
    "population",
    "engine",
    "checksum",
    "sealed_at",
)
SAYS = "the results of a sealed run never change"


def _sqlite(event: str, *rows: str) -> str:
    closed = " OR ".join(
        f"NOT EXISTS (SELECT 1 FROM eval_run WHERE id = {row}.run_id AND sealed_at IS NULL)"  # noqa: S608 (constants of this file)
        for row in rows
    )
    return f"""CREATE TRIGGER eval_result_sealed_{event.lower()} BEFORE {event} ON eval_result
WHEN {closed}
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"""


SQLITE = [
    _sqlite("INSERT", "NEW"),
    _sqlite("UPDATE", "OLD", "NEW"),
    _sqlite("DELETE", "OLD"),
    f"""CREATE TRIGGER eval_run_sealed_update BEFORE UPDATE ON eval_run
WHEN OLD.sealed_at IS NOT NULL AND ({" OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in PINNED)})
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",
    f"""CREATE TRIGGER eval_run_sealed_delete BEFORE DELETE ON eval_run
WHEN OLD.sealed_at IS NOT NULL OR EXISTS (SELECT 1 FROM eval_result WHERE run_id = OLD.id)
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",  # noqa: S608 (as above)
]

POSTGRESQL = [
    f"""CREATE FUNCTION eval_result_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM (SELECT DISTINCT run_id FROM touched) AS t LEFT JOIN eval_run ON eval_run.id = t.run_id
             WHERE eval_run.id IS NULL OR eval_run.sealed_at IS NOT NULL) THEN
    RAISE EXCEPTION '{SAYS}';
  END IF;
  RETURN NULL;
END $$""",  # noqa: S608 (constants of this file)
    *(
        f"""CREATE TRIGGER eval_result_sealed_{name} AFTER {event} ON eval_result
REFERENCING {image} TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION eval_result_guard()"""
        for name, event, image in (
            ("insert", "INSERT", "NEW"),
            ("update", "UPDATE", "OLD"),
            ("updated", "UPDATE", "NEW"),
            ("delete", "DELETE", "OLD"),
        )
    ),
    f"""CREATE FUNCTION eval_run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM eval_result WHERE run_id = OLD.id) THEN
    RAISE EXCEPTION '{SAYS}';
  END IF;
  IF OLD.sealed_at IS NOT NULL AND (TG_OP = 'DELETE' OR {" OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in PINNED)}) THEN
    RAISE EXCEPTION '{SAYS}';
  END IF;
  RETURN COALESCE(NEW, OLD);
END $$""",  # noqa: S608 (as above)
    """CREATE TRIGGER eval_run_sealed BEFORE UPDATE OR DELETE ON eval_run
FOR EACH ROW EXECUTE FUNCTION eval_run_guard()""",
]

UNDO_SQLITE = [
    *(f"DROP TRIGGER IF EXISTS eval_result_sealed_{event}" for event in ("insert", "update", "delete")),
    *(f"DROP TRIGGER IF EXISTS eval_run_sealed_{event}" for event in ("update", "delete")),
]
UNDO_POSTGRESQL = [
    *(
        f"DROP TRIGGER IF EXISTS eval_result_sealed_{event} ON eval_result"
        for event in ("insert", "update", "updated", "delete")
    ),
    "DROP TRIGGER IF EXISTS eval_run_sealed ON eval_run",
    "DROP FUNCTION IF EXISTS eval_result_guard()",
    "DROP FUNCTION IF EXISTS eval_run_guard()",
]


def upgrade(op: Any) -> None:
    """Set the triggers; call it after the tables stand (a batch rebuild of them on SQLite drops them)."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade(op: Any) -> None:
    """Take the triggers off."""
    for statement in UNDO_SQLITE if op.get_bind().dialect.name == "sqlite" else UNDO_POSTGRESQL:
        op.execute(statement)
