"""The export screens: a list as a file, the form for more of it, the centre where files wait for who asked."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from io import BytesIO

import openpyxl
import pytest
import sqlalchemy as sa

from app.columns import now
from app.extensions import db, transaction
from app.models import (
    Customer,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    ExportRequest,
    ExportStatus,
    Parameter,
    UserSession,
)
from app.services import access, exports, jobs
from tests import world
from tests.workflows.evaluation import shop

LIST = "/customer/list/"


@pytest.fixture
def people(app) -> world.World:
    """Ann owns K1, K2 and K3, Cat owns K4; three rows go out without asking."""
    with app.app_context():
        found = world.build()
        for number, who in enumerate(("ann", "ann", "ann", "cat"), 1):
            shop.customer(f"K{number}", owner_id=found.employees[who], org_unit_id=found.unit_of(who))
        with access.acting(access.SYSTEM), transaction():
            kept = sa.update(Parameter).where(Parameter.key == exports.LIMIT)
            db.session.execute(kept.values(value="3"))
        db.session.remove()
    return found


def more(app, people) -> None:
    with app.app_context():
        shop.customer("K5", owner_id=people.employees["ann"], org_unit_id=people.unit_of("ann"))
        db.session.remove()


def sheet(answer) -> list[tuple[object, ...]]:
    return list(openpyxl.load_workbook(BytesIO(answer.data), read_only=True).active.values)


def english(client):
    client.post("/language", data={"language": "en"})
    return client


def statuses(app) -> list[ExportStatus]:
    with app.app_context(), access.acting(access.SYSTEM):
        found = list(db.session.scalars(sa.select(ExportRequest.status).order_by(ExportRequest.id)))
        db.session.remove()
    return found


def test_a_list_goes_out_as_it_is_shown_and_waits_in_the_centre(app, people, client):
    english(world.sign_in(client, "ann"))
    assert "/customer/export?" in client.get(LIST).text
    answer = client.post("/customer/export?in.status=active", data={"form": "xlsx"})
    rows = sheet(answer)
    assert rows[0][0] == "Customer name" and [row[0] for row in rows[1:]] == [
        f"Customer K{n}" for n in (1, 2, 3)
    ]
    assert "Customers" in answer.headers["Content-Disposition"]
    centre = client.get("/export_request/list/").text
    assert "Customers, 3 rows" in centre and "Ready" in centre
    page = unescape(client.get("/export_request/show/1").text)
    assert "/export_request/1/file" in page and "Status is Active" in page
    assert "department head" not in page  # it waits for nobody
    assert sheet(client.post("/export_request/1/file")) == rows


def test_a_csv_and_chosen_columns(app, people, client):
    english(world.sign_in(client, "ann"))
    form = client.get("/export_request/new?resource=customer&q=").text
    assert "These are 3 rows." in form and "Registered capital" in form
    chosen = {"columns": ["name", "short_name"], "form": "csv"}
    answer = client.post("/export_request/new?resource=customer", data=chosen)
    assert answer.data.decode("utf-8-sig").splitlines()[0] == "Customer name,Short name"
    assert client.post("/export_request/new?resource=customer", data={"form": "csv"}).status_code == 422
    assert client.post("/customer/export", data={"form": "exe"}).status_code == 400
    assert client.get("/export_request/new?resource=moon").status_code == 404


def test_a_grade_goes_out_by_its_name(app, people, client):
    body = {"publish": {"customer_grade": True}, "grades": [{"grade": "Q", "zh": "优质", "en": "Quality"}]}
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        scheme = EvalScheme(code="Y", name_zh="年度", name_en="Yearly", subject_type="customer")
        db.session.add(scheme)
        db.session.flush()
        status = EvalStatus.published
        version = EvalSchemeVersion(
            scheme_id=scheme.id, edition=1, status=status, body=body, body_hash="0" * 64
        )
        db.session.add(version)
        db.session.execute(sa.update(Customer).where(Customer.code == "K1").values(grade="Q"))
    world.sign_in(client, "ann")
    chosen = {"columns": ["code", "grade"], "form": "csv"}
    rows = client.post("/export_request/new?resource=customer", data=chosen).data.decode("utf-8-sig")
    assert rows.splitlines()[1:] == ["K1,优质", "K2,", "K3,"]


@pytest.mark.req("Q-16")
def test_more_than_the_limit_leads_to_a_request_that_is_decided_and_made(app, people, client):
    more(app, people)
    english(world.sign_in(client, "ann"))
    answer = client.post("/customer/export?in.status=active", data={"form": "xlsx"})
    assert answer.status_code == 303
    where = answer.headers["Location"]
    assert where.startswith("/export_request/new?resource=customer&form=xlsx&in.status=active")
    form = client.get(where).text
    assert "These are 4 rows, more than 3" in form and "Submit for approval" in form
    wish = {"columns": ["name"], "form": "xlsx"}
    refused = client.post(where, data=wish)
    assert refused.status_code == 422 and "Say what the export is for." in refused.text
    answer = client.post(where, data={**wish, "reason": "Letters"}, follow_redirects=True)
    assert "Submitted for approval." in answer.text and "In approval" in answer.text
    assert client.post("/export_request/1/file").status_code == 409

    for person in ("hana", "fay"):
        decider = world.sign_in(app.test_client(), person)
        page = decider.get("/approval/show/1").text
        assert "Letters" in page and "/export_request/show/1" in page
        decider.post("/approval/1/approve", data={"comment": "ok"})
        assert decider.post("/export_request/1/file").status_code == 403
    with app.app_context():
        assert jobs.drain() == 1
        db.session.remove()
    assert len(sheet(client.post("/export_request/1/file"))) == 5
    assert "is ready" in client.get("/notices").text


def test_a_long_list_is_made_by_a_job_while_its_page_says_how_far_it_is(app, people, client, monkeypatch):
    monkeypatch.setattr("app.workflows.exporting.AT_ONCE", 2)
    english(world.sign_in(client, "ann"))
    answer = client.post("/customer/export", data={"form": "csv"})
    assert answer.headers["Location"] == "/export_request/1/progress"
    assert "Queued" in client.get("/export_request/1/progress").text
    with app.app_context():
        assert jobs.drain() == 1
        db.session.remove()
    assert "Ready" in client.get("/export_request/1/progress", headers={"HX-Request": "true"}).text
    assert client.post("/export_request/1/file").status_code == 200


def test_nobody_sees_or_fetches_anothers_export(app, people, client):
    world.sign_in(client, "ann").post("/customer/export", data={"form": "csv"})
    cat = world.sign_in(app.test_client(), "cat")
    assert "/export_request/show/1" not in cat.get("/export_request/list/").text
    for address in ("/export_request/show/1", "/export_request/1/progress"):
        assert cat.get(address).status_code == 404
    assert cat.post("/export_request/1/file").status_code == 404
    assert client.get("/export_request/1/file").status_code == 405


def test_who_may_not_take_out_is_refused_at_every_door(app, people, client):
    bob = world.sign_in(client, "bob")
    assert bob.post("/customer/export").status_code == 403
    assert bob.get("/export_request/new?resource=customer").status_code == 403
    assert bob.post("/export_request/new?resource=customer", data={"columns": ["name"]}).status_code == 403
    assert bob.post("/api/v1/export_request/", json={"title": "x", "resource": "customer"}).status_code in {
        403,
        404,
        405,
        409,
    }
    assert statuses(app) == []


def test_an_expired_file_is_gone(app, people, client):
    english(world.sign_in(client, "ann")).post("/customer/export", data={"form": "csv"})
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        db.session.execute(sa.update(ExportRequest).values(expires_at=now()))
    assert client.post("/export_request/1/file").status_code == 409
    assert "/export_request/1/file" not in client.get("/export_request/show/1").text


def test_a_password_typed_long_ago_is_asked_for_again(app, people, client):
    english(world.sign_in(client, "ann"))
    with app.app_context(), access.acting(access.SYSTEM), transaction():
        long_ago = now() - timedelta(hours=1)
        db.session.execute(sa.update(UserSession).values(confirmed_at=long_ago))
    answer = client.post("/customer/export?q=K1", data={"form": "csv"})
    where = answer.headers["Location"]
    assert answer.status_code == 303 and where.startswith("/account/confirm?next=")
    assert statuses(app) == []
    form = {"next": "/customer/list/?q=K1", "current": "wrong"}
    assert "Type your password again" in client.get(where).text
    assert client.post("/account/confirm", data=form).status_code == 422
    answer = client.post("/account/confirm", data={**form, "current": world.PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/customer/list/?q=K1")
    assert client.post("/customer/export", data={"form": "csv"}).status_code == 200
