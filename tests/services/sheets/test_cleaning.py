"""What people paste into names and codes (R42)."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, strategies as st

from app.services.sheets import cleaned_code, cleaned_name, cleaned_text, cleaning


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("甲公司", "甲公司"),
        ("  甲 公司\u3000", "甲 公司"),
        ("甲\u200b公\ufeff司", "甲公司"),
        ("甲公司\n（北京）", "甲公司（北京）"),
        ("ACME\r\nLtd", "ACME Ltd"),
        ("ＡＢＣ１２３（中国）", "ABC123（中国）"),
        ("a\u0301", "\u00e1"),
        ("甲\x7f公\x0b司", "甲公司"),
        ("𠮷野家", "𠮷野家"),
    ],
)
def test_a_name_is_cleaned_and_says_so(typed, clean):
    cleaned = cleaned_name(typed)
    assert (cleaned.text, cleaned.changed, cleaned.refused) == (clean, typed != clean, None)


@example("'=1+1")
@example("甲 - 乙")
@given(st.text(alphabet="甲乙（）：；，。、 \u3000'=+-aé\u0301Ａ１\u200b\n\t7~!", max_size=8))
def test_a_name_with_nothing_to_clean_is_left_as_the_whole_way_leaves_it(typed):
    quick = cleaned_name(typed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "PLAIN", re.compile(r"(?!)"))
        assert cleaned_name(typed) == quick


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("９１３７0725050941028Ｊ", "91370725050941028J"),
        (" 91370725050941028J\u3000", "91370725050941028J"),
        ("BANK  CHARGES", "BANK CHARGES"),
        ("KH-001\u200b\n", "KH-001"),
        ("1E5A", "1E5A"),
    ],
)
def test_a_code_is_cleaned_to_its_signs(typed, clean):
    assert cleaned_code(typed).text == clean


@pytest.mark.parametrize("typed", ["9.13E+17", "9.13707250509E+17", "9e17"])
def test_a_code_in_scientific_notation_is_refused(typed):
    assert "科学计数法" in cleaned_code(typed).refused.zh


@pytest.mark.parametrize("typed", ["甲\u202e公司", "a\x00b", "a\ud800", "\u2066x"])
def test_what_deceives_is_refused_by_all(typed):
    for clean in (cleaned_name, cleaned_code, cleaned_text):
        cleaned = clean(typed)
        assert cleaned.refused
        assert cleaned.text == typed


def test_a_longer_text_keeps_its_lines():
    assert cleaned_text(" 第一行\r\n第二行\u200b ").text == "第一行\n第二行"
