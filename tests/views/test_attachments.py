"""Files of records: versions, validity, confidentiality, verification, and previews that run nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.models import Attachment
from app.services import access
from tests.world import World, sign_in

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
PDF = b"%PDF-1.4\n%%EOF\n"


def send(client: Any, name: str, body: bytes, **said: str) -> Any:
    data = {"file": (io.BytesIO(body), name), "next": "/customer/show/1?tab=files", **said}
    return client.post(
        "/attachment/add/customer/1", data=data, content_type="multipart/form-data", follow_redirects=True
    )


@pytest.fixture
def seller(app: Flask, world: World, client: Any) -> Any:
    sign_in(client, "ann")
    assert client.post("/customer/add", data={"name": "甲公司"}).status_code == 302
    return client


def files(app: Flask) -> list[Attachment]:
    with app.app_context(), access.acting(access.SYSTEM):
        return list(db.session.scalars(select(Attachment).order_by(Attachment.id)))


@pytest.mark.req("W-08")
def test_a_newer_version_stands_for_the_document_and_the_former_stays_below_it(app: Flask, seller: Any):
    page = send(
        seller, "执照.pdf", PDF, doc_type="business_licence", valid_from="2020-01-01", valid_to="2021-01-01"
    ).text
    assert "已于 2021-01-01 到期" in page
    page = send(seller, "执照新.pdf", PDF, replaces="1", valid_to="2099-01-01").text
    assert "有效期至 2099-01-01" in page
    assert "第 2 版" in page
    assert page.index("执照新.pdf") < page.index("执照.pdf")
    first, second = files(app)
    assert (second.version, second.series, second.doc_type) == (2, first.series, "business_licence")


@pytest.mark.req("W-08")
def test_what_ends_before_it_begins_is_refused_and_nothing_is_kept(app: Flask, seller: Any):
    page = send(seller, "a.pdf", PDF, valid_from="2026-02-02", valid_to="2026-01-01").text
    assert "结束日期不能早于开始日期" in page
    assert files(app) == []


@pytest.mark.req("W-08")
def test_a_confidential_file_is_hidden_from_who_may_not_see_such_fields(
    app: Flask, world: World, seller: Any
):
    assert "机密.pdf" in send(seller, "机密.pdf", PDF, is_confidential="1").text
    keeper = sign_in(app.test_client(), "fay")
    assert "机密.pdf" not in keeper.get("/customer/show/1?tab=files").text
    for path in ("/attachment/1", "/attachment/1/view"):
        assert keeper.get(path).status_code == 404
        seen = seller.get(path)
        assert seen.status_code == 200
        seen.close()


def test_pictures_and_pdf_are_shown_in_a_sandbox_and_nothing_else_is(app: Flask, seller: Any):
    send(seller, "图.png", PNG)
    send(seller, "文.pdf", PDF)
    send(seller, "页.txt", b"<script>alert(1)</script>")
    for number, kind in ((1, "image/png"), (2, "application/pdf")):
        answer = seller.get(f"/attachment/{number}/view")
        assert answer.mimetype == kind
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        answer.close()
    assert seller.get("/attachment/3/view").status_code == 404
    download = seller.get("/attachment/3")
    assert download.mimetype == "application/octet-stream"
    assert download.headers["Content-Disposition"].startswith("attachment")
    download.close()
    assert 'src="/attachment/1/view"' in seller.get("/customer/show/1?tab=files").text
    assert "没有这种文件" not in send(seller, "装.png", b"<svg onload=alert(1)>").text
    assert len(files(app)) == 3  # what is no picture by its first bytes was not kept


@pytest.mark.req("B-14")
def test_who_brought_a_file_does_not_verify_it(app: Flask, world: World, seller: Any):
    send(seller, "执照.pdf", PDF)
    assert "不能核验自己的附件" in seller.post("/attachment/1/verify", follow_redirects=True).text
    head = sign_in(app.test_client(), "hana")
    assert "已核验" in head.post("/attachment/1/verify", follow_redirects=True).text
    assert files(app)[0].verified_by_id == world.employees["hana"]
    assert sign_in(app.test_client(), "dan").post("/attachment/1/verify").status_code == 404
