"""Write the next revision: what the models say and the migrations do not yet. `python deploy/migration.py add a field`.

It compares with a fresh database, not with anybody's own. What Alembic cannot see has to be written into the file by hand:
a word added to a closed set, a changed rule. `tests/test_migrations.py` says when something is missing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from flask_migrate import migrate, upgrade

import config
from app import create_app
from app.columns import KeyRing

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = ROOT / "migrations"


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = config.read({"GUANHU_INSTANCE": folder}, create_keys=True)
        KeyRing.create(Path(settings["KEY_FILE"]))
        with create_app(settings).app_context():
            if any((MIGRATIONS / "versions").glob("*.py")):
                upgrade(str(MIGRATIONS))
            migrate(str(MIGRATIONS), message=message)
    subprocess.run(
        [Path(sys.executable).with_name("ruff"), "format", "--quiet", MIGRATIONS / "versions"], check=False
    )


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit('What does it do? For example: make migration m="add a field"')
    main(" ".join(sys.argv[1:]))
