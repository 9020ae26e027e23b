"""The ground all tests stand on: real databases, cloned for each test from a migrated template; a real server; a browser.

- `database` runs a test on SQLite and on PostgreSQL and gives the address of a database of its own;
  `@pytest.mark.parametrize("database", ["sqlite"], indirect=True)` keeps to one.
- `app` is the application on that database. It is built once per backend and session; only the place its engine
  connects to changes. `empty_database` is a database before any migration.
- `in_app` runs the test inside an application context, for services. Tests that speak HTTP through `client` do
  not take it: a context around a request would lend the request its session.
- `people` is the cast (`people.alice`), `hire` makes more; `login(people.alice)` is a browser she is signed in with,
  `acting_as(people.alice)` her rights below the doors. `world` is the company of `tests.world`.
- `@pytest.mark.stands_on("seed-industry", build)` gives a database that holds this pack and what `build()` made. What
  many tests begin with is laid once per backend and session, and copied for each of them.
- `client` sends a valid CSRF token with every write; `client.csrf = False` leaves it out.
- `live_server` is the server of production on the test's database; `page` (playwright) is a real Chromium.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import expect
from sqlalchemy import QueuePool, event, select
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

import config
from app import create_app, words
from app.cli import main
from app.columns import KeyRing
from app.extensions import db, transaction
from app.models import Employee, OrgUnit, UnitKind
from app.services import access, account_keeping, accounts, packs
from tests.postgres import MissingPostgres, Postgres, free_port, new_folder
from tests.processes import Process
from tests.world import World, build as build_world

CHECKOUT = Path(__file__).resolve().parent.parent
MIGRATIONS = CHECKOUT / "migrations"
expect.set_options(
    timeout=15_000
)  # ms: what is expected comes, also while the other tests take the processor
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def missing(what: str) -> None:
    """Something of the ground is not here: a skip that names it, and a failure where nothing may be left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


# ---- databases ---------------------------------------------------------------------------------------------


Layer = str | Callable[[], Any]
"""What a test's database holds from the start: a pack by its code, or what a function puts there."""


class SqliteFiles:
    """SQLite databases as files in memory; cloning one is copying a file."""

    backend = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started = 0

    def url(self, name: str) -> str:
        return f"sqlite:///{self.folder / name}"

    def create(self, template: str | None = None) -> str:
        self._started += 1
        name = f"t{os.getpid()}_{self._started}.db"
        if template:
            shutil.copyfile(self.folder / template, self.folder / name)
        return name

    def stop(self) -> None:
        """Nothing runs; the folder goes with the session."""

    def drop(self, name: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"{name}{suffix}").unlink(missing_ok=True)


class PostgresDatabases(Postgres):
    """The databases of one PostgreSQL server."""

    backend = "postgresql"


class Site:
    """The application on one backend: built once, pointed at one database after another."""

    def __init__(self, databases: Any, instance: Path) -> None:
        self.databases = databases
        self.current = databases.create()
        settings = config.read(
            {
                "GUANHU_ENV": "test",
                "GUANHU_INSTANCE": str(instance),
                "GUANHU_DATABASE_URL": databases.url(self.current),
            },
            create_keys=True,
        )
        KeyRing.create(Path(settings["KEY_FILE"]))
        # Connections are kept as long as they look at the same database, as in production.
        settings.update(TESTING=True, SQLALCHEMY_ENGINE_OPTIONS={"poolclass": QueuePool})
        self.app = create_app(settings)
        self.app.test_client_class = CsrfClient
        with self.app.app_context():
            event.listen(db.engine, "do_connect", self._redirect)
            upgrade(str(MIGRATIONS))
            with access.acting(access.SYSTEM), transaction():
                packs.load("base")
            db.session.remove()
        self.laid: dict[tuple[Layer, ...], tuple[str, Any]] = {(): (self.current, None)}
        self.layers: tuple[Layer, ...] = ()

    def _redirect(self, _dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> None:
        if self.databases.backend == "sqlite":
            args[0] = str(self.databases.folder / self.current)
        else:
            options["dbname"] = self.current

    def open(self, layers: tuple[Layer, ...]) -> str:
        """Point the application at a new database with these layers; its address."""
        if layers not in self.laid:
            self.open(layers[:-1])
            with self.app.app_context():
                made = _lay(layers[-1])
            self.laid[layers] = (self.current, made)
        return self._turn_to(self.databases.create(self._template(layers)), layers)

    def open_empty(self) -> str:
        """Point the application at a new database with nothing in it; its address."""
        return self._turn_to(self.databases.create(), ())

    def made(self, layer: Layer) -> Any:
        """What laying this layer gave, as a copy; None where the open database was begun without it."""
        if layer not in self.layers:
            return None
        return copy.deepcopy(self.laid[self.layers[: self.layers.index(layer) + 1]][1])

    def close(self) -> None:
        self._let_go()
        self.databases.drop(self.current)
        self.current = self._template(())

    def _turn_to(self, name: str, layers: tuple[Layer, ...]) -> str:
        self.current, self.layers = name, layers
        return self.databases.url(name)

    def _template(self, layers: tuple[Layer, ...]) -> str:
        self._let_go()
        return self.laid[layers][0]

    def _let_go(self) -> None:
        """Close what still looks at the database of the test before."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder of this session, in memory where there is one."""
    folder = new_folder("guanhu-tests")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Sites:
    """The application per backend, built when first asked for, and the one the running test stands on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: dict[str, SqliteFiles | PostgresDatabases] = {}
        self.built: dict[str, Site] = {}
        self.current: Site

    def take(self, backend: str) -> Site:
        if backend not in self.servers:
            self.servers[backend] = _databases(backend, self.folder)
        if backend not in self.built:
            self.built[backend] = Site(self.servers[backend], self.folder / "instance")
        self.current = self.built[backend]
        return self.current

    def stop(self) -> None:
        for server in self.servers.values():
            server.stop()


def _databases(backend: str, folder: Path) -> SqliteFiles | PostgresDatabases:
    if backend == "sqlite":
        return SqliteFiles(folder)
    try:
        return PostgresDatabases()
    except MissingPostgres as absent:
        missing(str(absent))
        raise


@pytest.fixture(scope="session")
def sites(session_folder: Path) -> Iterator[Sites]:
    all_sites = Sites(session_folder)
    yield all_sites
    all_sites.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, sites: Sites) -> Iterator[str]:
    """The address of a database of this test's own, as `guanhu init` leaves it: migrated, pack `base` loaded.

    Below it lies what the test begins with: its packs, and the people or the company it asks for.
    """
    site = sites.take(request.param)
    mark = request.node.get_closest_marker("stands_on")
    asked = [build for name, build in LAID.items() if name in request.fixturenames]
    yield site.open((*(mark.args if mark else ()), *asked))
    site.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, sites: Sites) -> Iterator[str]:
    """The address of a database with nothing in it."""
    site = sites.take(request.param)
    yield site.open_empty()
    site.close()


# ---- the application ---------------------------------------------------------------------------------------


class CsrfClient(FlaskClient):
    """A browser that has read the page it posts from: every write carries a valid CSRF token."""

    csrf = True

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if self.csrf and kwargs.get("method", "GET") not in SAFE_METHODS:
            kwargs["headers"] = {**dict(kwargs.get("headers") or {}), "X-CSRFToken": self._token()}
        return super().open(*args, **kwargs)

    def _token(self) -> str:
        """What Flask-WTF would have written into the page."""
        with self.session_transaction() as session:
            secret = session.setdefault("csrf_token", "a token of the tests")
        key = self.application.config.get("WTF_CSRF_SECRET_KEY") or self.application.secret_key
        return URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(secret)


@pytest.fixture
def app(database: str, sites: Sites) -> Flask:
    """The application on this test's database, outside any context."""
    return sites.current.app


@pytest.fixture
def empty_app(empty_database: str, sites: Sites) -> Flask:
    """The application on a database before any migration."""
    return sites.current.app


@pytest.fixture(autouse=True)
def reset_language() -> Iterator[None]:
    """Every test begins in Chinese, whatever the one before it spoke."""
    token = words.language.set("zh")
    yield
    with contextlib.suppress(ValueError):  # begun and ended in different contexts
        words.language.reset(token)


@pytest.fixture
def in_app(app: Flask) -> Iterator[Flask]:
    """The application, and the test inside its context."""
    with app.app_context():
        yield app
        db.session.remove()


@pytest.fixture
def client(app: Flask) -> CsrfClient:
    """A browser nobody has signed in with."""
    return app.test_client()


# ---- people ------------------------------------------------------------------------------------------------

PASSWORD = "管户 tests never sleep 2026"


@dataclass(frozen=True)
class Person:
    """Somebody who works here and can sign in with PASSWORD."""

    name: str
    username: str
    user_id: int
    employee_id: int
    org_unit_id: int


CAST = {
    "alice": ("sales/north", ["seller"]),
    "bob": ("sales/north", ["seller"]),
    "charlie": ("service", ["seller"]),
    "dora": ("sales", ["sales_head"]),
    "erin": ("", ["company_leader"]),
    "frank": ("supervision", ["inspector"]),
    "grace": ("", ["administrator"]),
}
"""Alice owns, Bob belongs to her team, Charlie is a stranger; Dora heads their department; Erin leads the company, Frank
inspects it, Grace administers the system."""


PASSWORD_HASH = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")  # quick: it guards nothing


@pytest.fixture(scope="session")
def password_hash() -> str:
    return PASSWORD_HASH


@pytest.fixture
def hire(app: Flask) -> Callable[..., Person]:
    """`hire("Zoe", "seller", unit="sales/south")`: a person with an account and these roles, in this unit."""

    def take(name: str, *roles: str, unit: str = "", account: str = "") -> Person:
        with app.app_context(), access.acting(access.SYSTEM), transaction():
            return _hire(name, *roles, unit=unit, account=account)

    return take


def _hire(name: str, *roles: str, unit: str = "", account: str = "") -> Person:
    where = _unit(unit)
    employee = db.session.scalar(select(Employee).where(Employee.name == name))
    if employee is None:
        employee = Employee(no=f"E-{name.lower()}", name=name, org_unit_id=where.id)
        db.session.add(employee)
        db.session.flush()
    username = account or name.lower()
    user_id = account_keeping.make(
        username,
        PASSWORD_HASH,
        roles=roles,
        employee_no=employee.no,
        details=account_keeping.Details(must_change_password=False),
    )
    return Person(name, username, user_id, employee.id, where.id)


def _unit(words: str) -> OrgUnit:
    """The unit of this path of words under the company, made where it is missing."""
    line = ["company", *[word for word in words.split("/") if word]]
    kinds = [UnitKind.company, UnitKind.department, UnitKind.team]
    above: OrgUnit | None = None
    for depth, word in enumerate(line):
        unit = db.session.scalar(select(OrgUnit).where(OrgUnit.code == word))
        if unit is None:
            unit = OrgUnit(
                code=word,
                name_zh=f"测试{word}",
                name_en=word.title(),
                kind=kinds[min(depth, 2)],
                parent_id=above.id if above else None,
            )
            db.session.add(unit)
            db.session.flush()
            unit.path = f"{above.path if above else '/'}{unit.id}/"
            db.session.flush()
        above = unit
    return above


@pytest.fixture
def laid_people() -> None:
    """Asked for, the database is begun with the cast in it."""


@pytest.fixture
def laid_world() -> None:
    """Asked for, the database is begun with the company of `tests.world` in it."""


def build_cast() -> SimpleNamespace:
    """Hire the cast into the open database."""
    with access.acting(access.SYSTEM), transaction():
        return SimpleNamespace(
            **{name: _hire(name.title(), *roles, unit=unit) for name, (unit, roles) in CAST.items()}
        )


LAID = {"laid_people": build_cast, "laid_world": build_world}


def _lay(layer: Layer) -> Any:
    """Put a layer into the open database; what laying it gave."""
    if not isinstance(layer, str):
        return layer()
    with access.acting(access.SYSTEM), transaction():
        return packs.load(layer)


@pytest.fixture
def people(app: Flask, sites: Sites, laid_people: None) -> SimpleNamespace:
    """The cast: `people.alice`, `people.bob` …"""
    del app, laid_people
    cast: SimpleNamespace = sites.current.made(build_cast)
    assert cast is not None, "`people` cannot be asked for once the test runs"
    return cast


@pytest.fixture
def login(app: Flask) -> Callable[[Person], CsrfClient]:
    """`login(people.alice)`: a browser in which this person is signed in, without the slow password check."""

    def sign_in(person: Person, language: str = "en") -> CsrfClient:
        with app.app_context(), access.acting(access.SYSTEM), transaction():
            word = accounts._open_session(person.user_id, "tests")
        with app.app_context(), transaction():
            accounts.choose_language(person.user_id, language)
        client = app.test_client()
        with client.session_transaction() as session:
            session["word"] = word
        return client

    return sign_in


@pytest.fixture
def acting_as(in_app: Flask) -> Callable[[Person], AbstractContextManager[access.Principal]]:
    """`with acting_as(people.alice):` what stands in the block is done with her rights, below every door."""

    def act(person: Person) -> AbstractContextManager[access.Principal]:
        with access.acting(access.SYSTEM):
            return access.acting(access.principal_of(person.user_id))

    return act


@pytest.fixture
def world(app: Flask, sites: Sites, laid_world: None) -> World:
    """The test company in this test's database (see `tests.world`)."""
    del app, laid_world
    company: World = sites.current.made(build_world)
    assert company is not None, "`world` cannot be asked for once the test runs"
    return company


# ---- server and browser ------------------------------------------------------------------------------------


@dataclass
class Server:
    """A running server: its address, its process, its instance folder."""

    url: str
    process: Process
    folder: Path
    environ: dict[str, str]

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8")


def environment(database: str, instance: Path, keys: Path, **more: str) -> dict[str, str]:
    """The environment of a process of the product on `database`, with the keys its sealed fields were written with."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("GUANHU_") and name != "PORT"
    }
    return {
        **kept,
        "GUANHU_ENV": "test",
        "GUANHU_INSTANCE": str(instance),
        "GUANHU_DATABASE_URL": database,
        "GUANHU_SECRET_KEY_FILE": str(keys / "secret_key"),
        "GUANHU_KEY_FILE": str(keys / "column_key"),
        "PYTHONPATH": str(CHECKOUT),
        **more,
    }


Done = subprocess.CompletedProcess[str]


@pytest.fixture
def guanhu(database: str, session_folder: Path, tmp_path: Path) -> Callable[..., Done]:
    """Run `guanhu ARGUMENTS` on this test's database, in this process: a new one takes seconds to import everything."""
    environ = environment(database, tmp_path, session_folder / "instance")

    def invoke(arguments: tuple[str, ...], settings: dict[str, str]) -> Done:
        with contextlib.chdir(tmp_path):
            result = CliRunner().invoke(main, arguments, env={**environ, **settings})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    def run(*arguments: str, **settings: str) -> Done:
        # In a context of its own: the language and the person asking end with the command.
        return contextvars.Context().run(invoke, arguments, settings)

    return run


@pytest.fixture
def guanhu_process(database: str, session_folder: Path, tmp_path: Path) -> Callable[..., Done]:
    """Run `guanhu ARGUMENTS` as a process of its own on this test's database."""

    def run(*arguments: str, **settings: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            env=environment(database, tmp_path, session_folder / "instance", **settings),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def live_server(database: str, session_folder: Path, tmp_path: Path) -> Iterator[Server]:
    """`guanhu serve` on this test's database: the server of production, two workers and the job consumer."""
    port = free_port()
    folder = tmp_path / "server"
    folder.mkdir()
    environ = environment(database, folder, session_folder / "instance", GUANHU_PORT=str(port))
    process = Process("app.cli", ["serve"], environ=environ, log=folder / "server.log")
    server = Server(f"http://127.0.0.1:{port}", process, folder, environ)
    wait_for(server)
    yield server
    process.end()


def wait_for(server: Server, seconds: float = 30) -> None:
    """Wait until the server answers anything at all."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.url}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    server.process.kill()
    raise RuntimeError(f"the server did not start:\n{server.log}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A screen that did not come to what is expected in time is asked once more; a defect stays and fails.

    A loaded machine is no defect, and the report counts the reruns.
    """
    again = pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError", "(Locator|Page) expected"])
    for item in items:
        if "browser" in item.keywords:
            item.add_marker(again)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Chromium as the machine has it, for pytest-playwright's `page`."""
    named = os.environ.get("GUANHU_CHROMIUM")
    found = (
        named if named and Path(named).exists() else shutil.which("chromium") or shutil.which("google-chrome")
    )
    if not found:
        missing("no Chromium: install it (`apt-get install chromium`), or set GUANHU_CHROMIUM to the program")
    return {"executable_path": found, "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, Any]:
    return {"locale": "zh-CN", "timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}
