"""Flows from the command line: exit codes, files that are no flow, the way of a record, ways of the last ones, out and in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.services import packs

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SOUND = """
code: small
object_type: contract
name: {zh: 合同, en: Contract}
submit: {required: [amount]}
steps:
  - key: legal
    name: {zh: 法务, en: Lawyers}
    people: [{role: legal}]
  - key: leader
    name: {zh: 领导, en: Leader}
    when: amount >= 50万
    people: [{role: company_leader}]
"""


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str | bytes, name: str = "flow.yaml") -> str:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return write


BOMB = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SOUND.replace("code: small", "code: small\ncode: other"), "stands twice"),
        (BOMB, "References"),
        ("code: &self [*self]\n", "References"),
        ("steps: [" * 5_000, "cannot be read"),
        ("code: [unfinished", "#"),
        ("- just\n- a list\n", "not a flow"),
        ("", "not a flow"),
        (b"\xff\xfe\x00", "cannot be read"),
        ("x" * 300_000, "too large"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_ends_with_2(guanhu, written, text, told):
    done = guanhu("flow", "lint", written(text), "--document", GUANHU_LANG="en")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert told in done.stderr and "flow.yaml" in done.stderr


def test_a_file_or_flow_there_is_not_ends_with_2(guanhu, tmp_path):
    assert guanhu("flow", "lint", str(tmp_path / "none.yaml")).returncode == 2
    assert guanhu("flow", "lint", "no_such_flow").returncode == 2


FLAWS = [
    ("{role: legal}]", "{role: legal}]\n    next: [{to: legal}]", "V3", "legal.next"),
    ("amount >= 50万", "colour >= 50万", "V1", "leader.when"),
    ("amount >= 50万", "amount >= 50 %", "V12", "leader.when"),
    ("role: legal", "role: astrologer", "V1", "legal.main"),
    ("key: legal", "key: legal\n    when: amount > 1元", "V13", "steps"),
]


def test_findings_are_named_by_flow_rule_and_place_in_both_languages_and_end_with_1(guanhu, written):
    files = [
        written(SOUND.replace(old, new, 1), f"{number}.yaml")
        for number, (old, new, *_flaw) in enumerate(FLAWS)
    ]
    done = guanhu("flow", "lint", *files, "--json")
    assert done.returncode == 1
    found = {(it["flow"], it["rule"], it["place"]) for it in json.loads(done.stdout) if it["is_error"]}
    assert {(f"{number}.yaml", rule, place) for number, (_o, _n, rule, place) in enumerate(FLAWS)} <= found
    for tongue, weight in (("zh", "错误"), ("en", "error")):
        told = guanhu("flow", "lint", *files, GUANHU_LANG=tongue).stdout
        assert weight in told and "legal.next" in told and "V13" in told


def test_a_yaml_flow_with_a_loop_is_refused_at_its_place_and_not_kept(guanhu, written):
    _kind, loop, rule, place = FLAWS[0]
    file = written(SOUND.replace("{role: legal}]", loop, 1))
    found = json.loads(guanhu("flow", "lint", file, "--json").stdout)
    assert (rule, place) in {(it["rule"], it["place"]) for it in found if it["is_error"]}
    told = guanhu("flow", "load", file, GUANHU_LANG="en")
    assert (told.returncode, place in told.stderr) == (1, True)
    assert guanhu("flow", "export", "small").returncode == 2


def test_a_sound_document_is_clean_and_people_who_are_missing_are_not(guanhu, written):
    assert guanhu("flow", "lint", written(SOUND), "--document").returncode == 0
    warned = guanhu("flow", "lint", written(SOUND), "--json")
    assert {it["rule"] for it in json.loads(warned.stdout)} == {"V8"}


def test_a_flow_is_taken_in_as_a_draft_tried_and_taken_out_again(guanhu, written, stage):
    file = written(SOUND)
    loaded = guanhu("flow", "load", file, "--json")
    assert json.loads(loaded.stdout) == [{"flow": "small", "edition": 1, "status": "draft"}]
    out = guanhu("flow", "export", "small")
    assert yaml.safe_load(out.stdout) == yaml.safe_load(SOUND)
    large, small = stage.contract(amount=500_000), stage.contract(amount=499_999)
    way = json.loads(guanhu("flow", "preview", "small", str(large), "--json").stdout)
    assert [(it["step"], it["taken"]) for it in way] == [("legal", True), ("leader", True)]
    assert way[0]["refusal"]["zh"] and "成立" in way[1]["why"][0]["zh"]
    assert [it["name"] for it in way[1]["people"]] == ["雷欧"]
    short = guanhu("flow", "preview", file, str(small), GUANHU_LANG="en")
    assert short.returncode == 1 and "does not hold" in short.stdout
    rows = json.loads(guanhu("flow", "simulate", "small", "--last", "10", "--json").stdout)
    assert {(tuple(row["path"]), row["count"]) for row in rows} == {(("legal",), 1), (("legal", "leader"), 1)}
    ways = json.loads(guanhu("flow", "paths", "small", "--json").stdout)
    assert {tuple(it["path"]) for it in ways} == {("legal",), ("legal", "leader")}
    assert guanhu("flow", "preview", "small", "99999").returncode == 2
    assert guanhu("flow", "preview", "small", str(small), "--by", "nobody").returncode == 2


def test_every_shipped_flow_is_clean(guanhu):
    files = [str(it) for name in packs.shipped() for it in sorted(packs.folder_of(name).glob("flows/*.yaml"))]
    assert len(files) >= 2
    done = guanhu("flow", "lint", *files, "--document", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
