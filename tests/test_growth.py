"""A field is one line in one file, a record type three files: shown on a copy of the tree, grown and asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PARTS = ("app", "migrations", "deploy", "tests", "config.py", "pyproject.toml")

FIELD = '    colour: Mapped[Short | None] = field(zh="偏好颜色", en="Favourite colour", listed=True)\n'
MACHINE = '''

class Vehicle(Stamped, Binned, Model):
    """A vehicle that visits customers."""

    __tablename__ = "vehicle"
    __label__ = "车辆", "Vehicles"
    __rows__ = Rows.owned
    __title__ = ("plate",)

    id: Mapped[Id]
    plate: Mapped[Short] = field(zh="车牌号", en="Number plate", listed=True, sort=True, search=True)
    owner_id: Mapped[int | None] = belongs_to("employee.id", zh="使用人", en="Driver", listed=True)
    org_unit_id: Mapped[int | None] = belongs_to("org_unit.id", zh="所属部门", en="Department", edit=False)

'''
VIEW = '''

class VehicleView(RecordView):
    """The vehicles."""

    model = Vehicle
    area = "visits"

'''
ASK = """
import sys
from pathlib import Path
import config
from flask_migrate import upgrade
from app import create_app
from app.columns import KeyRing
from app.extensions import db, transaction
from app.services import access, imports, packs
from tests.world import build, sign_in

folder = Path(sys.argv[1])
settings = config.read({"GUANHU_ENV": "test", "GUANHU_INSTANCE": str(folder)}, create_keys=True)
KeyRing.create(Path(settings["KEY_FILE"]))
settings.update(TESTING=True, WTF_CSRF_ENABLED=False)
app = create_app(settings)
with app.app_context():
    upgrade(str(Path("migrations")))
    with access.acting(access.SYSTEM), transaction():
        packs.load("base")
    world = build()
client = app.test_client()
import app.views.web as web
web.csrf.protect = lambda: None
sign_in(client, "ann")


def has(text, *words):
    for word in words:
        assert word in text, (word, text[-4000:])


def ask(resource, create, zh, en, name):
    assert client.post(f"/{resource}/add", data=create).status_code == 302
    for language, label in (("zh", zh), ("en", en)):
        client.post("/language", data={"language": language, "next": "/"})
        has(client.get(f"/{resource}/list/").text, label)
        has(client.get(f"/{resource}/show/1").text, label)
        has(client.get(f"/{resource}/add").text, label)
        has(client.get(f"/{resource}/list/?has.{name}=x").text, label)
        has(client.get(f"/{resource}/show/1?tab=log").text, label)
        assert any(f["label"] == label for f in client.get(f"/api/v1/{resource}/_info").json["fields"])
        has(client.get("/openapi.json").text, name)
    client.post("/language", data={"language": "zh", "next": "/"})
    assert client.get(f"/api/v1/{resource}/1").json["result"][name] == create[name]
"""
ASK_FIELD = (
    ASK
    + """
ask("customer", {"name": "甲", "colour": "x-蓝"}, "偏好颜色", "Favourite colour", "colour")
with app.app_context(), access.acting(world.principal("ann")):
    target = folder / "template.xlsx"
    imports.write_template("customer", target)
    from openpyxl import load_workbook
    heads = [cell.value for cell in next(load_workbook(target).worksheets[0].iter_rows())]
    assert any("偏好颜色" in str(head) for head in heads), heads
print("grown")
"""
)
ASK_TYPE = ASK + '\nask("vehicle", {"plate": "x-123"}, "车牌号", "Number plate", "plate")\nprint("grown")\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tree, without what was built or run in it."""
    target = tmp_path / "copy"
    target.mkdir()
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__", "shots"))
        else:
            shutil.copy(source, target / part)
    return target


def insert(path: Path, before: str, text: str) -> None:
    whole = path.read_text(encoding="utf-8")
    assert before in whole, f"{path} has no {before!r}"
    path.write_text(whole.replace(before, text + before, 1), encoding="utf-8")


def run(copy: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GUANHU_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_field_is_one_line_in_one_file(copy: Path, tmp_path: Path):
    insert(copy / "app/schema/customers.py", "    website: Mapped[Short | None]", FIELD)
    run(copy, "deploy/migration.py", "add", "colour")
    assert list((copy / "migrations/versions").glob("*add_colour.py"))
    assert "grown" in run(copy, "-c", ASK_FIELD, str(tmp_path / "instance"))


def test_a_record_type_is_three_files(copy: Path, tmp_path: Path):
    insert(copy / "app/schema/care.py", "\nclass VisitKind", MACHINE)
    views = copy / "app/views/visits.py"
    insert(views, "\nVIEWS = (", VIEW)
    text = views.read_text(encoding="utf-8")
    text = text.replace("VIEWS = (", "VIEWS = (VehicleView, ").replace(
        "import ServiceCase,", "import ServiceCase, Vehicle,"
    )
    views.write_text(text, encoding="utf-8")
    roles = copy / "app/packs/base/roles.yaml"
    insert(roles, "    complaint: {own: [read, create]}", "    vehicle: {own: [read, create, edit]}\n")
    run(copy, "deploy/migration.py", "add", "vehicles")
    assert "grown" in run(copy, "-c", ASK_TYPE, str(tmp_path / "instance"))
