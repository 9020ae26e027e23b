"""The triggers that keep `audit_log` append-only: `upgrade(op)` and `downgrade(op)` for a migration.

Nobody deletes a line. A line is updated once, by the sealer: its two hashes, and nothing else. No line comes in sealed.
"""

from __future__ import annotations

from typing import Any

KEPT = (
    "id",
    "at",
    "act",
    "user_id",
    "person_id",
    "object_type",
    "object_id",
    "object_version",
    "summary",
    "changes",
    "reason",
    "address",
    "request_id",
)

SQLITE = [
    """CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END""",
    f"""CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
WHEN OLD.own_hash IS NOT NULL OR NEW.own_hash IS NULL OR {" OR ".join(f"NEW.{c} IS NOT OLD.{c}" for c in KEPT)}
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END""",
    """CREATE TRIGGER audit_log_no_sealed_insert BEFORE INSERT ON audit_log
WHEN NEW.own_hash IS NOT NULL OR NEW.previous_hash IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'audit_log is sealed by its job alone'); END""",
]

POSTGRESQL = [
    f"""CREATE FUNCTION audit_log_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.own_hash IS NOT NULL OR NEW.previous_hash IS NOT NULL THEN
      RAISE EXCEPTION 'audit_log is sealed by its job alone';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.own_hash IS NULL AND NEW.own_hash IS NOT NULL
    AND NOT ({" OR ".join(f"NEW.{c}::text IS DISTINCT FROM OLD.{c}::text" for c in KEPT)}) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'audit_log is append-only';
END $$""",
    """CREATE TRIGGER audit_log_guard BEFORE INSERT OR UPDATE OR DELETE ON audit_log
FOR EACH ROW EXECUTE FUNCTION audit_log_guard()""",
    """CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_guard()""",
]

UNDO_SQLITE = [
    "DROP TRIGGER IF EXISTS audit_log_no_delete",
    "DROP TRIGGER IF EXISTS audit_log_no_update",
    "DROP TRIGGER IF EXISTS audit_log_no_sealed_insert",
]
UNDO_POSTGRESQL = [
    "DROP TRIGGER IF EXISTS audit_log_no_truncate ON audit_log",
    "DROP TRIGGER IF EXISTS audit_log_guard ON audit_log",
    "DROP FUNCTION IF EXISTS audit_log_guard()",
]


def upgrade(op: Any) -> None:
    """Set the triggers; call it after `audit_log` stands (a batch rebuild of the table on SQLite drops them)."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade(op: Any) -> None:
    """Take the triggers off."""
    for statement in UNDO_SQLITE if op.get_bind().dialect.name == "sqlite" else UNDO_POSTGRESQL:
        op.execute(statement)
