"""The triggers that keep the results of a sealed evaluation run as they are: `upgrade(op)` and `downgrade(op)`.

Once a run has its `sealed_at`, nobody adds, changes or removes a result of it, and what the run was pinned to stays.
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


def _sqlite(event: str, row: str) -> str:
    return f"""CREATE TRIGGER eval_result_sealed_{event.lower()} BEFORE {event} ON eval_result
WHEN EXISTS (SELECT 1 FROM eval_run WHERE id = {row}.run_id AND sealed_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"""  # noqa: S608 (constants of this file)


SQLITE = [
    _sqlite("INSERT", "NEW"),
    _sqlite("UPDATE", "OLD"),
    _sqlite("DELETE", "OLD"),
    f"""CREATE TRIGGER eval_run_sealed_update BEFORE UPDATE ON eval_run
WHEN OLD.sealed_at IS NOT NULL AND ({" OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in PINNED)})
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",
    f"""CREATE TRIGGER eval_run_sealed_delete BEFORE DELETE ON eval_run
WHEN OLD.sealed_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",
]

POSTGRESQL = [
    f"""CREATE FUNCTION eval_result_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM touched JOIN eval_run ON eval_run.id = touched.run_id
             WHERE eval_run.sealed_at IS NOT NULL) THEN
    RAISE EXCEPTION '{SAYS}';
  END IF;
  RETURN NULL;
END $$""",  # noqa: S608 (constants of this file)
    *(
        f"""CREATE TRIGGER eval_result_sealed_{event.lower()} AFTER {event} ON eval_result
REFERENCING {image} TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION eval_result_guard()"""
        for event, image in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))
    ),
    f"""CREATE FUNCTION eval_run_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.sealed_at IS NOT NULL AND (TG_OP = 'DELETE' OR {" OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in PINNED)}) THEN
    RAISE EXCEPTION '{SAYS}';
  END IF;
  RETURN COALESCE(NEW, OLD);
END $$""",
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
        for event in ("insert", "update", "delete")
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
