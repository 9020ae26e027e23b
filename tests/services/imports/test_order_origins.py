"""Returns whose original stands in the same file: above or further down, in one chunk or another, and taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.extensions import db
from app.models import ImportRun, ImportStatus, SalesDocument, Verdict
from app.services import access, imports
from app.services.imports import applying, checking, preview, undoing
from app.workflows import importing

from .conftest import bring_in, order, reasons
from .test_order_days import HEADS, line, ready

__all__ = ["ready"]


def originals() -> dict[str, str | None]:
    """Document → the number of its original."""
    db.session.rollback()
    with access.acting(access.SYSTEM):
        rows = db.session.scalars(select(SalesDocument).order_by(SalesDocument.no))
        return {row.no: row.origin.no if row.origin else None for row in rows}


def why(run: int) -> dict[int, str]:
    return {number: told[0]["zh"] for number, told in reasons(run).items()}


@pytest.fixture(params=["one chunk", "a chunk a row"])
def chunked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written at once, or so that an original is in an earlier or a later chunk."""
    if request.param == "a chunk a row":
        for name, module in (
            ("CHUNK", applying),
            ("AT_ONCE", applying),
            ("BATCH", checking),
            ("CHUNK", undoing),
        ):
            monkeypatch.setattr(module, name, 1)


TRADE = (
    line("R1", "2024-07-01", "退货", "S1"),
    line("S1", "2024-05-06"),
    line("R2", "2024-07-02", "退货", "S1"),
    line("C1", "2024-07-03", "取消", "R2"),
)


@pytest.mark.usefixtures("ready", "chunked")
def test_a_return_finds_its_original_anywhere_in_the_same_file_and_both_are_taken_back(sheet):
    run, counts = bring_in("order", sheet(HEADS, *TRADE))
    assert (counts.created, counts.refused) == (4, 0)
    assert originals() == {"C1": "R2", "R1": "S1", "R2": "S1", "S1": None}
    assert imports.undo(run) == 4
    assert originals() == {}
    again, counts = bring_in("order", sheet(HEADS, *TRADE))
    assert (counts.created, again != run) == (4, True)


@pytest.mark.usefixtures("ready")
def test_what_is_judged_alone_and_what_is_seen_before_it_is_written_say_the_same(sheet):
    asked = order("order", sheet(HEADS, *TRADE))
    counts, _opened = imports.dry_run(asked)
    assert (counts.created, counts.refused) == (4, 0)
    run = db.session.get_one(ImportRun, imports.stage(asked))
    shown = {
        one.title: one.cells["origin_id"].text
        for one in preview.lines(run, Verdict.new)
        if "origin_id" in one.cells
    }
    assert shown == {"R1": "S1", "R2": "S1", "C1": "R2"}


@pytest.mark.usefixtures("ready", "chunked")
def test_with_an_original_that_is_refused_falls_what_names_it_and_no_other(sheet):
    broken = ["S1", "K1", "没有这种产品", 1, 2, 2, "2024-05-06", "订单", None]
    path = sheet(
        HEADS,
        line("R1", "2024-07-01", "退货", "S1"),
        broken,
        line("C1", "2024-07-03", "取消", "R1"),
        line("R9", "2024-07-03", "退货", "S9"),
        line("S2", "2024-05-06"),
        line("R2", "2024-07-03", "退货", "S2"),
        line("A", "2024-07-03", "退货", "B"),
        line("B", "2024-07-03", "退货", "A"),
    )
    dry: dict[int, str] = {}
    imports.dry_run(order("order", path), lambda row, _plan: dry.setdefault(row.number, row.reasons[0][1].zh))
    run, counts = bring_in("order", path)
    assert (counts.created, counts.refused) == (2, 6)
    assert originals() == {"R2": "S2", "S2": None}
    told = why(run)
    assert dry == told
    assert told[2] == "原单“S1”在同一文件中未通过，这张单据不导入。"
    assert told[4] == "原单“R1”在同一文件中未通过，这张单据不导入。"
    assert told[5] == "原单：找不到“S9”，或您无权查看。"
    assert told[8] == "原单最终又指向这张单据本身。"
    assert reasons(run)[2][0]["head"] == "原单"


@pytest.mark.usefixtures("ready")
def test_a_run_cut_off_between_a_return_and_its_original_goes_on(sheet, monkeypatch):
    for name in ("CHUNK", "AT_ONCE"):
        monkeypatch.setattr(applying, name, 1)
    run = imports.stage(order("order", sheet(HEADS, *TRADE)))

    def stop(done: int, _total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.write(run, progress=stop)
    assert originals() == {"R1": None}  # its original is in the chunk that was not written
    importing.write(run)
    assert originals() == {"C1": "R2", "R1": "S1", "R2": "S1", "S1": None}
    assert db.session.get_one(ImportRun, run).status is ImportStatus.done
