"""Evaluations from the command line."""

from __future__ import annotations

import csv
import json

import pytest
import yaml

from app.extensions import db
from tests import world
from tests.workflows.evaluation import shop

pytestmark = pytest.mark.live


@pytest.fixture
def file(in_app, tmp_path):
    """A scheme file, and two customers; Ann owns one of them, Mia evaluates."""
    people = world.build()
    ids = [
        shop.customer(code, owner_id=people.employees[who], org_unit_id=people.unit_of(who))
        for code, who in (("K1", "ann"), ("K2", "dan"))
    ]
    shop.order(ids[0], "2025-03-01T10:00", 600, 400)
    shop.complaint(ids[1], "2025-03-01T10:00")
    world.give_everything(people, "ina", world.Reach.all)
    db.session.remove()
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(shop.scheme(), allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def test_a_file_is_run_explained_compared_and_taken_out(file, guanhu, tmp_path):
    out = tmp_path / "out.csv"
    command = ("evaluate", str(file), "--period", "2025-01-01..2025-12-31", "--as", "ina")
    done = guanhu(*command, "--out", str(out), "--json", GUANHU_LANG="en")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["population"] == 2 and found["kind"] == "trial"
    assert {line["grade"]: (line["subjects"], line["amount"]) for line in found["grades"]} == {
        "QUALITY": (1, "1000"),
        "UNQUALIFIED": (1, "0"),
    }
    with out.open(encoding="utf-8", newline="") as rows:
        assert [row["grade"] for row in csv.DictReader(rows)] == ["QUALITY", "UNQUALIFIED"]

    run = str(found["run"])
    why = guanhu("explain", run, "K2", "--as", "ina", GUANHU_LANG="zh")
    assert why.returncode == 0 and "评为“不合格”" in why.stdout and "计入 1 行" in why.stdout
    (document,) = json.loads(guanhu("explain", run, "K1", "--as", "ina", "--json").stdout)
    assert document["measures"][0]["value"] == 10_000_000
    assert guanhu("explain", run, "K2", "--as", "ann").returncode == 1
    (compared,) = json.loads(guanhu("compare", run, run, "--as", "ina", "--json").stdout)
    assert [move["subjects"] for move in compared["moves"]] == [1, 1]
    shown = guanhu(*command, GUANHU_LANG="en")
    assert "period 2025-01-01 to 2025-12-31 (both included)" in shown.stderr
    assert "Amount bought" in shown.stdout and "Unqualified" in shown.stdout
    named = guanhu(*command, "--out", str(out), "--labels", GUANHU_LANG="zh")
    assert named.returncode == 0 and "购买金额" in named.stdout
    with out.open(encoding="utf-8", newline="") as rows:
        heads, first, _second = csv.reader(rows)
    assert heads == ["编号", "购买金额", "投诉次数", "购买金额（得分）", "投诉次数（得分）", "总分", "等级"]
    assert first[-1] == "优质"
    moved = guanhu("compare", run, run, "--as", "ina", GUANHU_LANG="zh").stdout
    assert "不合格" in moved and "UNQUALIFIED" not in moved and "before" not in moved


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_bad_input_ends_with_a_sentence_and_its_code(file, guanhu):
    good = ("evaluate", str(file), "--period", "2025-01-01..2025-12-31")
    assert guanhu(*good, "--as", "ann").returncode == 1
    assert guanhu("evaluate", "NONE", *good[2:], "--as", "ina").returncode == 1
    assert guanhu("evaluate", str(file), "--period", "2025", "--as", "ina").returncode in {1, 2}
    body = shop.scheme()
    body["indicators"]["amount"]["weight"] = "60 %"
    file.write_text(yaml.safe_dump(body), encoding="utf-8")
    bad = guanhu(*good, "--as", "ina", GUANHU_LANG="en")
    assert bad.returncode == 2 and "indicators: The weights add up to 90 %" in bad.stderr
    assert "Traceback" not in bad.stderr
