"""Values as people write and read them: one way for screens, files, API and command line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from stdnum.cn import uscc
from stdnum.exceptions import InvalidChecksum, ValidationError

from app.columns import Choice
from app.extensions import company
from app.services.fields import Field, Kind
from app.words import LANGUAGES, Words, say

EMPTY = "-"
YES = Words("是", "Yes")
NO = Words("否", "No")
DECIMALS = {Kind.money: 4, Kind.quantity: 3, Kind.rate: 4, Kind.points: 2}
"""How many decimals a kind keeps; of a rate, in per cent."""
LARGEST = Decimal(10) ** 14
LARGEST_KEY = 2**31 - 1
"""The largest number either database takes for the key of a row."""


class BadValue(ValueError):
    """What was typed is no value of its field; `words` says why and how to write it."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


def whole(text: object, most: int = LARGEST_KEY) -> int | None:
    """The number from 0 to ``most`` a text writes in digits; None for anything else, so that nothing larger goes on.

    Every key, version, page and count that arrives as text is read by this one function.
    """
    written = str(text)
    if not (written.isascii() and written.isdecimal()) or len(written) > len(str(most)):
        return None
    return found if (found := int(written)) <= most else None


# ---- reading what was typed --------------------------------------------------------------------------------


def parse(field: Field, raw: Any) -> Any:
    """The value a person typed into this field; None when he left it empty. Raises `BadValue`.

    Relations are not looked up here: their text is given back as it stands.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        if field.required and field.kind is not Kind.flag:
            raise BadValue(say("请填写{label}。", "Fill in {label}.", label=field.label))
        return False if field.kind is Kind.flag else None
    reader = READERS.get(field.kind)
    value = reader(field, raw) if reader else raw
    return fitting(field, value) if isinstance(value, str) else value


def fitting(field: Field, text: str) -> str:
    """A text that is clean already, in the normal form and within the length its field asks for. Raises `BadValue`."""
    _check_length(field, text)
    return check_form(field.info.form, text)


def _text(_field: Field, raw: Any) -> str:
    text = clean_line(str(raw))
    if _bidi(text):
        raise BadValue(
            say(
                "文字中含有不可见的控制字符，请删除后重填。",
                "The text holds invisible control characters; type it again.",
            )
        )
    return text


def _long(_field: Field, raw: Any) -> str:
    text = unicodedata.normalize("NFC", str(raw)).replace("\r\n", "\n").replace("\r", "\n").strip()
    if _bidi(text):
        raise BadValue(
            say(
                "文字中含有不可见的控制字符，请删除后重填。",
                "The text holds invisible control characters; type it again.",
            )
        )
    return text


def _bidi(text: str) -> bool:
    return bool(BIDI.search(text))


BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f]")
ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def clean_line(text: str) -> str:
    """A name on one line: zero-width characters and line breaks gone, blanks single (R42)."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text).translate(ZERO_WIDTH)).strip()


def _check_length(field: Field, text: str) -> None:
    if field.max_length and len(text) > field.max_length:
        raise BadValue(
            say(
                "{label}最多 {most} 个字符，现有 {now} 个。",
                "{label} holds at most {most} characters; this has {now}.",
                label=field.label,
                most=field.max_length,
                now=len(text),
            )
        )


def _integer(field: Field, raw: Any) -> int:
    value = _decimal(field, raw, places=0)
    return int(value)


def _money(field: Field, raw: Any) -> Decimal:
    return _decimal(field, raw, places=DECIMALS[field.kind])


def _rate(field: Field, raw: Any) -> Decimal:
    """`15 %` and `15` are both 15 per cent on the screen; a number from a program (0.15) is the share itself."""
    if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
        return _decimal(field, raw, places=6)
    text = unicodedata.normalize("NFKC", str(raw)).strip().removesuffix("%").strip()
    return _decimal(field, text, places=DECIMALS[Kind.rate]) / 100


def _decimal(field: Field, raw: Any, places: int) -> Decimal:
    text = unicodedata.normalize("NFKC", str(raw)).strip().replace(" ", "")
    times = {"万": 10_000, "亿": 100_000_000}.get(text[-1:], 1)
    text = re.sub(r"^[¥￥]|[万亿元]+$", "", text)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    try:
        value = Decimal(text) * times
    except InvalidOperation:
        raise BadValue(
            say(
                "{label}应为数字，而不是“{raw}”。",
                "{label} must be a number, not '{raw}'.",
                label=field.label,
                raw=str(raw)[:40],
            )
        ) from None
    if not value.is_finite() or abs(value) >= LARGEST:
        raise BadValue(say("{label}的数值过大。", "{label} is too large.", label=field.label))
    if value != value.quantize(Decimal(1).scaleb(-places)):
        raise BadValue(
            say(
                "{label}最多 {places} 位小数。",
                "{label} takes at most {places} decimals.",
                label=field.label,
                places=places,
            )
        )
    return value


def _flag(field: Field, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise BadValue(say("{label}应为“是”或“否”。", "{label} must be yes or no.", label=field.label))


TRUE_WORDS = {"1", "y", "yes", "true", "on", "是", "√", "有"}
FALSE_WORDS = {"0", "n", "no", "false", "off", "否", "×", "无"}


def _choice(field: Field, raw: Any) -> Choice:
    """A closed set's member by its stored word or by either of its labels."""
    word = str(raw).strip()
    members = list(field.choices or ())
    for member in members:
        if word.lower() in {member.value, *(member.words.spoken(tongue).lower() for tongue in LANGUAGES)}:
            return member
    raise BadValue(
        say(
            "{label}没有“{raw}”这一项，可选：{members}。",
            "{label} has no '{raw}'; choose one of {members}.",
            label=field.label,
            raw=word[:40],
            members=Words(
                "、".join(member.words.zh for member in members),
                ", ".join(member.words.en for member in members),
            ),
        )
    )


SEPARATORS = re.compile(r"[,，、;；|/\n]+")


def _choices(field: Field, raw: Any) -> str:
    """Several choices by code or by name, as people and programs list them: the codes in the order of the list."""
    parts = raw if isinstance(raw, list | tuple) else SEPARATORS.split(str(raw))
    wanted = {str(part).strip().lower() for part in parts} - {""}
    by_word = {
        word.lower(): option.code
        for option in field.options
        for word in (option.code, *(option.words.spoken(tongue) for tongue in LANGUAGES))
    }
    if unknown := sorted(wanted - by_word.keys()):
        active = [option.words for option in field.options if option.active]
        raise BadValue(
            say(
                "{label}没有“{raw}”这一项，可选：{members}。",
                "{label} has no '{raw}'; choose of {members}.",
                label=field.label,
                raw=unknown[0][:40],
                members=Words("、".join(one.zh for one in active), ", ".join(one.en for one in active)),
            )
        )
    chosen = {by_word[word] for word in wanted}
    return ",".join(option.code for option in field.options if option.code in chosen)


def show_choices(field: Field, codes: str) -> str:
    """Several choices as the reader sees them."""
    held = codes.split(",")
    found = [option.words for option in field.options if option.code in held]
    return str(Words("、".join(one.zh for one in found), ", ".join(one.en for one in found))) or EMPTY


DATE_FORMS = (
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
    r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日?",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
)


def _date(field: Field, raw: Any) -> date:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = unicodedata.normalize("NFKC", str(raw)).strip().replace(" ", "")
    text = re.sub(r"[T ]?00:00(:00)?$", "", text)
    for form in DATE_FORMS:
        if found := re.fullmatch(form, text):
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                raise BadValue(
                    say(
                        "日历上没有“{raw}”这一天。",
                        "There is no day '{raw}' in the calendar.",
                        raw=str(raw)[:40],
                    )
                ) from None
    raise BadValue(
        say(
            "{label}应写成 2026-01-31，而不是“{raw}”。",
            "{label} must be written 2026-01-31, not '{raw}'.",
            label=field.label,
            raw=str(raw)[:40],
        )
    )


def _moment(field: Field, raw: Any) -> datetime:
    """A local time without zone is company time; one with a zone is taken at its word."""
    if isinstance(raw, datetime):
        value = raw
    elif isinstance(raw, date):
        value = datetime.combine(raw, time())
    else:
        text = unicodedata.normalize("NFKC", str(raw)).strip().replace("/", "-")
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            value = datetime.combine(_date(field, raw), time())
    if value.tzinfo is None:
        value = value.replace(tzinfo=company.zone)
    return value.astimezone(UTC)


READERS: dict[Kind, Callable[[Field, Any], Any]] = {
    Kind.text: _text,
    Kind.long: _long,
    Kind.sealed: _text,
    Kind.integer: _integer,
    Kind.money: _money,
    Kind.quantity: _money,
    Kind.points: _money,
    Kind.rate: _rate,
    Kind.flag: _flag,
    Kind.choice: _choice,
    Kind.choices: _choices,
    Kind.date: _date,
    Kind.moment: _moment,
}


# ---- checks of a text's form -------------------------------------------------------------------------------


def check_form(form: str, text: str) -> str:
    """The text in its normal form, if it has the form its field asks for. Raises `BadValue`."""
    check = FORMS.get(form)
    return check(text) if check else text


CODE = re.compile(r"[0-9]{8}[0-9A-HJ-NPQRTUWXY]{10}")
"""A code as `uscc` would write it: only its check digit is left to ask for."""


def credit_code(text: str) -> str:
    """An 18-character unified social credit code (GB 32100), or a 15-digit registration number of before 2015."""
    code = unicodedata.normalize("NFKC", text).upper().replace(" ", "").replace("-", "")
    if re.fullmatch(r"\d{15}", code) or (CODE.fullmatch(code) and uscc.calc_check_digit(code) == code[-1]):
        return code
    try:
        return str(uscc.validate(code))
    except InvalidChecksum:
        raise BadValue(
            say(
                "统一社会信用代码“{code}”的校验位不对，请对照营业执照核对。",
                "The check digit of the credit code '{code}' is wrong: compare it with the business licence.",
                code=code,
            )
        ) from None
    except ValidationError:
        raise BadValue(
            say(
                "“{code}”不是统一社会信用代码，应为 18 位数字和大写字母。",
                "'{code}' is no credit code: it has 18 digits and capital letters.",
                code=code[:30],
            )
        ) from None


PHONE_DIGITS = range(5, 27)


def phone(text: str) -> str:
    """A telephone number: digits, with +, extension, brackets and hyphens as people write them."""
    plain = unicodedata.normalize("NFKC", text).strip()
    digits = re.sub(r"\D", "", plain)
    if not re.fullmatch(r"[+\d\s()./\-转extEXT#*,;、]+", plain) or len(digits) not in PHONE_DIGITS:
        raise BadValue(
            say(
                "“{text}”不像电话号码，请核对。",
                "'{text}' does not look like a telephone number.",
                text=text[:40],
            )
        )
    return plain


def email(text: str) -> str:
    """An e-mail address: one @, a name before it, a domain with a dot behind it."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"[^@\s<>,;:\"]{1,64}@[^@\s<>,;:\"]+\.[^@\s<>,;:\".]{2,}", plain):
        raise BadValue(
            say(
                "“{text}”不像邮箱地址，应如 name@example.com。",
                "'{text}' is no e-mail address; it looks like name@example.com.",
                text=text[:60],
            )
        )
    return plain


FORMS: dict[str, Callable[[str], str]] = {"credit_code": credit_code, "phone": phone, "email": email}


# ---- showing -----------------------------------------------------------------------------------------------


def show(field: Field, value: Any) -> str:
    """The value as the reader sees it; `-` when there is none."""
    if value is None or value == "":
        return EMPTY
    if field.info.form == "year":
        return str(value)
    if field.kind is Kind.choices:
        return show_choices(field, value)
    shower = SHOWERS.get(field.kind)
    return shower(value) if shower else str(value)


def edit_text(field: Field, value: Any) -> str:
    """The value as it stands in an input, so that what is not touched comes back unchanged."""
    if value is None:
        return ""
    if field.kind is Kind.rate:
        return plain_number(value * 100)
    if field.is_number:
        return plain_number(value)
    if field.kind is Kind.moment:
        return str(value.astimezone(company.zone).strftime("%Y-%m-%dT%H:%M"))
    if field.kind is Kind.flag:
        return "1" if value else ""
    return value.value if isinstance(value, Choice) else str(value)


def plain_number(value: Decimal | int) -> str:
    """A number without grouping or trailing zeros."""
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show_money(value: Decimal) -> str:
    """An amount with grouping and two decimals; more only if it has more."""
    exact = plain_number(value)
    decimals = max(2, len(exact.partition(".")[2]))
    return f"{value:,.{decimals}f}"


def show_number(value: Decimal | int) -> str:
    decimals = len(plain_number(value).partition(".")[2])
    return f"{value:,.{decimals}f}"


def show_rate(value: Decimal) -> str:
    return plain_number(value * 100) + "%"


def show_moment(value: datetime) -> str:
    """A moment in company time, to the minute."""
    return value.astimezone(company.zone).strftime("%Y-%m-%d %H:%M")


def show_flag(value: object) -> str:
    return str(YES if value else NO)


def show_choice(field: Field, word: str) -> str:
    """A stored word of a closed set as the reader sees it."""
    return next((str(member.words) for member in field.choices or () if member.value == word), word)


SHOWERS: dict[Kind, Callable[[Any], str]] = {
    Kind.money: show_money,
    Kind.quantity: show_number,
    Kind.integer: show_number,
    Kind.points: show_money,
    Kind.rate: show_rate,
    Kind.date: lambda value: value.isoformat(),
    Kind.moment: show_moment,
    Kind.flag: show_flag,
    Kind.choice: lambda value: str(value.words),
}
