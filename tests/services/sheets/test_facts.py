"""What a file is, told before any parser opens it."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zipfile
import zlib

import pytest

from app.services.sheets import SCREEN, Kind, Reason, Unreadable, inspect, read

from .conftest import SHEET, SHEET_HEAD


def refusal(path, **kwargs) -> Unreadable:
    with pytest.raises(Unreadable) as caught, read(path, **kwargs) as sheet:
        list(sheet.raw())
    error = caught.value
    assert error.words.zh
    assert error.words.en
    assert "{" not in error.words.zh + error.words.en
    return error


def test_an_ordinary_workbook_is_one(workbook):
    facts = inspect(workbook([["名称"], ["甲"]]), SCREEN)
    assert facts.kind is Kind.xlsx
    assert not facts.macros
    assert facts.inflated > facts.bytes


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xlsx", b"", Reason.empty_file),
        ("a.xlsx", "名称,手机\n甲,1\n".encode("gb18030"), Reason.not_a_workbook),
        ("a.xlsx", bytes(range(256)) * 20, Reason.not_a_workbook),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), Reason.not_a_workbook),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", Reason.other_format),
        ("a.xls", b"\x09\x04\x06\x00\x00\x00\x10\x00" + bytes(100), Reason.old_format),
        ("a.csv", b"%PDF-1.7 ...", Reason.other_format),
        ("a.csv", b"\xff\xfe\xff", Reason.encoding),
        ("a.csv", b"a,b\n\xff\xff\xff,1\n", Reason.encoding),
        ("a.csv", b'a,b\n"1,2\n3,4\n', Reason.quotes),
        ("a.csv", b"a,b\n" + b'"' + b"x" * 2_000_000, Reason.cell_too_long),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path).reason is reason


def test_half_a_workbook_is_damaged(workbook, tmp_path):
    path = workbook([["名称", "手机"]] + [["甲", i] for i in range(50)])
    half = tmp_path / "half.xlsx"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(half).reason is Reason.damaged


def test_an_encrypted_workbook_is_named_as_such(workbook, tmp_path):
    ooxml = pytest.importorskip("msoffcrypto.format.ooxml", reason="needs msoffcrypto-tool")
    target = tmp_path / "locked.xlsx"
    with workbook([["名称"], ["甲"]]).open("rb") as source, target.open("wb") as out:
        ooxml.OOXMLFile(source).encrypt("password", out)
    error = refusal(target)
    assert error.reason is Reason.encrypted
    assert "密码" in error.words.zh


def test_a_file_too_big_is_refused_unread(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(SCREEN.bytes + 1)
    error = refusal(path)
    assert error.reason is Reason.too_big
    assert "25 MB" in error.words.en


def test_a_bomb_of_one_cell_is_refused_before_parsing(altered):
    began = time.monotonic()
    path = altered({SHEET: SHEET_HEAD + b"<sheetData>" + b"A" * (300 * 1024 * 1024)})
    made = time.monotonic() - began
    tracemalloc.start()
    assert refusal(path).reason is Reason.bomb
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert time.monotonic() - began - made < 5


def test_a_member_that_lies_about_its_size_is_counted_while_unpacked(altered, tmp_path):
    path = altered({SHEET: SHEET_HEAD + b"<sheetData>" + b"A" * (80 * 1024 * 1024)})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as package:
        honest = package.getinfo(SHEET).file_size
    claimed, lie = struct.pack("<I", honest), struct.pack("<I", 1000)
    at = data.find(claimed)
    while at >= 0:
        data[at : at + 4] = lie
        at = data.find(claimed)
    liar = tmp_path / "liar.xlsx"
    liar.write_bytes(data)
    assert refusal(liar).reason is Reason.bomb


def test_many_members_are_refused_without_loading_their_list(tmp_path):
    path = tmp_path / "many.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        for number in range(10_000):
            package.writestr(f"xl/media/i{number}.png", b"")
    assert refusal(path).reason is Reason.bomb


@pytest.mark.parametrize("name", ["../../../../tmp/pwn.txt", "xl/../../pwn.txt", "C:\\pwn.txt"])
def test_paths_that_lead_outside_are_refused(altered, name):
    assert refusal(altered(add={name: b"x"})).reason is Reason.hostile


def test_a_symbolic_link_in_the_package_is_refused(altered):
    link = zipfile.ZipInfo("xl/link.xml")
    link.external_attr = 0o120777 << 16
    assert refusal(altered(add={link: b"/etc/passwd"})).reason is Reason.hostile


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_entities_are_refused_whatever_they_say(altered, encoding):
    text = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet/>'
    assert refusal(altered({SHEET: text.encode(encoding)})).reason is Reason.hostile


def test_a_package_without_its_workbook_is_damaged_or_none(altered):
    assert refusal(altered(drop=("xl/workbook.xml",))).reason in (Reason.damaged, Reason.not_a_workbook)


def test_macros_and_outside_links_are_left_aside_and_said(altered):
    path = altered(add={"xl/vbaProject.bin": b"x", "xl/externalLinks/externalLink1.xml": b"<a/>"})
    with read(path) as sheet:
        assert len(sheet.notes) == 2
        assert len(list(sheet)) == 1


def test_a_wrong_checksum_does_not_reach_the_reader(altered, tmp_path):
    path = altered()
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as package:
        crc = struct.pack("<I", zlib.crc32(package.read(SHEET)))
    bad = tmp_path / "crc.xlsx"
    bad.write_bytes(bytes(data).replace(crc, b"\x01\x02\x03\x04"))
    assert refusal(bad).reason is Reason.damaged
