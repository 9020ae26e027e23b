"""Measures and indicators of a draft scheme, made on a form and tried on one subject before anything is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView
from sqlalchemy import select

from app.errors import BadInput, NotFound, Problem, Refusal
from app.extensions import company, db, transaction
from app.models import EvalSchemeVersion
from app.roles import Act
from app.services import access, values
from app.services.commands import AlreadyDone
from app.services.language.kinds import DATE, MOMENT
from app.services.packs import read_document
from app.views import forms, pages
from app.views.guards import needs
from app.views.schemes import MISSING, TITLE, VIEW, seen_of, wrong_in
from app.views.web import once
from app.words import Words, say
from app.workflows import publications
from app.workflows.evaluation import drafting, pins, trying
from app.workflows.evaluation.explaining import MeasureLine
from app.workflows.evaluation.measures import WORDS as AGGREGATES
from app.workflows.evaluation.saying import spoken
from app.workflows.evaluation.trying import Part, Tried

LONGEST = 2_000
OWN_WEIGHT, WEIGHT = "weight", "weight-"
MEASURES, INDICATORS = "measures", "indicators"
NEW = {
    MEASURES: Words("新建度量", "New measure"),
    INDICATORS: Words("新建指标", "New indicator"),
}
LOWER = {MEASURES: Words("度量", "measure"), INDICATORS: Words("指标", "indicator")}
NAMES = {MEASURES: Words("度量", "Measure"), INDICATORS: Words("指标", "Indicator")}
MEASURE_FIELDS = ("zh", "en", "source", "aggregate", "of", "over", "where", "window", "at")
MEASURE_FLAGS = ("again", "whole")
FORMULAS = (
    (
        "of",
        Words("字段或公式", "Field or formula"),
        Words("如 amount 或 qty * price；计行数不填", "such as amount or qty * price; none to count rows"),
    ),
    (
        "over",
        Words("分母（仅用于合计之比）", "Set against (for a ratio of sums)"),
        Words("如 qty * price", "such as qty * price"),
    ),
    (
        "where",
        Words("条件", "Condition"),
        Words('如 kind = "order"；不填则全部计入', 'such as kind = "order"; without one all rows count'),
    ),
)
WINDOWS = Words(
    "本期、上期、去年同期、全部、期前、近 12 个月、近 90 天",
    "period, previous period, same period last year, all, before the period, last 12 months, last 90 days",
)
WHOLE_PERIOD = Words("本期", "period")
"""What a measure that names no window goes by."""
RECORD = Words("记录，可数不可加", "a record: counted, not added up")
NUMBERED = {"neutral": "points", "carry": "days"}
"""What a policy for missing values needs a number of."""
BEGINNING: dict[str, dict[str, Any]] = {
    MEASURES: {"source": "order_lines", "aggregate": "sum"},
    INDICATORS: {"missing": "reweight"},
}
"""What a new part begins as."""


class SchemePartView(BaseView):
    """One measure or one indicator of a draft."""

    route_base = "/scheme"
    resource = drafting.VERSION
    class_permission_name = drafting.VERSION

    @expose("/<int:pk>/measure", methods=["GET", "POST"])
    @expose("/<int:pk>/measure/<key>", methods=["GET", "POST"])
    @needs(Act.edit)
    def measure(self, pk: int, key: str = "") -> Any:
        """A measure: what is counted or added up of which rows."""
        return _answer(_Form(drafting.find(pk), MEASURES, key))

    @expose("/<int:pk>/indicator", methods=["GET", "POST"])
    @expose("/<int:pk>/indicator/<key>", methods=["GET", "POST"])
    @needs(Act.edit)
    def indicator(self, pk: int, key: str = "") -> Any:
        """An indicator: a formula over measures, how it is scored, and the weights of all."""
        return _answer(_Form(drafting.find(pk), INDICATORS, key))

    @expose("/<int:pk>/measure/<key>/remove", methods=["GET", "POST"])
    @needs(Act.edit)
    def remove_measure(self, pk: int, key: str) -> Any:
        """Take a measure out of the draft, when nothing rests on it."""
        return _removed(_Form(drafting.find(pk), MEASURES, key))

    @expose("/<int:pk>/indicator/<key>/remove", methods=["GET", "POST"])
    @needs(Act.edit)
    def remove_indicator(self, pk: int, key: str) -> Any:
        """Take an indicator out of the draft, with the weights of those that stay."""
        return _removed(_Form(drafting.find(pk), INDICATORS, key))


def _answer(form: _Form) -> Any:
    """The form, what came of trying what was typed, or the way back to the draft that holds it now."""
    if request.method == "GET":
        return render_template("record/form.html", page=_page(form))
    try:
        part = form.part()
        if "try" in request.form:
            return render_template("record/form.html", page=_page(form, tried=form.tried(part)))
        with transaction():
            command = once()
            trying.keep(part, drafting.find(form.version.id), form.seen, form.weights())
            command.led_to(form.back)
    except (NotFound, AlreadyDone):
        raise
    except Refusal as refusal:
        return render_template("record/form.html", page=_page(form, refusal=refusal)), refusal.status
    flash(str(say("草稿已保存。", "The draft is saved.")), "success")
    return redirect(form.back, 303)


def _removed(form: _Form) -> Any:
    """The question whether a part is to go, or the way back to the draft without it."""
    refusal: Refusal | None = None
    try:
        if request.method == "GET":
            trying.check_unused(form.kind, form.key, form.version.body)
        else:
            with transaction():
                command = once()
                draft = drafting.find(form.version.id)
                trying.take_out(form.kind, form.key, draft, form.seen, form.weights())
                command.led_to(form.back)
            flash(str(say("已从草稿中移除。", "Removed from the draft.")), "success")
            return redirect(form.back, 303)
    except (NotFound, AlreadyDone):
        raise
    except Refusal as found:
        refusal = found
    status = refusal.status if refusal and request.method == "POST" else 200
    return render_template("record/form.html", page=_question(form, refusal)), status


@dataclass(frozen=True)
class _Form:
    """The form of one part of a draft: what stands there, and what was typed."""

    version: EvalSchemeVersion
    kind: str
    key: str

    @property
    def stands(self) -> Mapping[str, Any]:
        """The part as the draft has it. Raises `NotFound`, but not when it was filled in: what was typed is not lost."""
        if not self.key:
            return BEGINNING[self.kind]
        found = (self.version.body.get(self.kind) or {}).get(self.key)
        if found is None and request.method == "POST":
            return {}
        if found is None:
            raise NotFound(say("方案中没有“{key}”。", "The scheme has no '{key}'.", key=self.key[:40]))
        return dict(found)

    @property
    def name(self) -> Words:
        """What the part is called, as the draft has it, else as it was typed."""
        stands = self.stands
        return Words(*(str(stands.get(tongue) or self.shown(tongue)) for tongue in ("zh", "en")))

    @property
    def back(self) -> str:
        return url_for(f"{VIEW}.show", pk=self.version.id)

    @property
    def seen(self) -> str:
        """The hash of the draft the form was filled in against."""
        return request.form.get("seen", "")

    def shown(self, name: str, stands: Any = "") -> str:
        """What a field of the form holds: what was typed, else how it stands."""
        if request.method == "POST":
            return request.form.get(name, "").strip()[:LONGEST]
        return "" if stands is None else str(stands)

    def part(self) -> Part:
        """What was typed, as a part of the draft; what the form does not show stays. Raises `BadInput`."""
        key = self.key or self.shown("key")
        if not self.key and key in (self.version.body.get(self.kind) or {}):
            raise BadInput([Problem(say("该键已使用。", "This key is in use."), "key")])
        typed = self._measure() if self.kind == MEASURES else self._indicator()
        kept = {name: value for name, value in self.stands.items() if name not in typed} if self.key else {}
        return Part(
            self.kind, key, kept | {name: value for name, value in typed.items() if value}, self.version.body
        )

    def _measure(self) -> dict[str, Any]:
        typed: dict[str, Any] = {name: self.shown(name) for name in MEASURE_FIELDS}
        return typed | {name: self.shown(name) == "1" for name in MEASURE_FLAGS}

    def _indicator(self) -> dict[str, Any]:
        missing: Any = self.shown("missing")
        if named := NUMBERED.get(missing):
            number = values.whole(self.shown("missing_number"))
            missing = {"policy": missing} | ({} if number is None else {named: number})
        return {
            "zh": self.shown("zh"),
            "en": self.shown("en"),
            "value": self.shown("value"),
            "method": _mapping(self.shown("method"), "method"),
            "weight": self._weight(OWN_WEIGHT),
            "missing": missing,
        }

    def weights(self) -> dict[str, str]:
        """The weights of the other indicators, as typed."""
        known = self.version.body.get(INDICATORS) or {}
        typed = {key: self._weight(f"{WEIGHT}{key}") for key in known if f"{WEIGHT}{key}" in request.form}
        return {key: weight for key, weight in typed.items() if weight}

    def _weight(self, name: str) -> str:
        typed = self.shown(name).removesuffix("%").strip()
        return f"{typed} %" if typed else ""

    def period(self) -> tuple[str, str]:
        """The first and the last day it is tried over: the last calendar year unless said."""
        year = company.today().year - 1
        return self.shown("period_from") or f"{year}-01-01", self.shown("period_to") or f"{year}-12-31"

    def tried(self, part: Part) -> Tried | None:
        """What trying gives; without a subject, only whether it makes sense."""
        pin, subject = pins.pin("..".join(self.period())), values.whole(self.shown("subject"))
        if subject is not None:
            return trying.run(part, subject, pin)
        trying.check(part, pin)
        return None


def _mapping(text: str, name: str) -> Any:
    """What was typed as YAML. Raises `BadInput` for what is no mapping."""
    try:
        found = read_document(text)
    except BadInput as refusal:
        raise BadInput([replace(problem, field=name) for problem in refusal.problems]) from None
    if found is not None and not isinstance(found, dict):
        words = say("这里要写“{like}”。", "Write it as {like}.", like="{kind: linear, from: 0, to: 100}")
        raise BadInput([Problem(words, name)])
    return found


# ---- the page ----------------------------------------------------------------------------------------------


def _page(form: _Form, tried: Tried | None = None, refusal: Refusal | None = None) -> pages.FormPage:
    told: dict[str, list[Words]] = {}
    for one in wrong_in(refusal, WRITES):
        told.setdefault(one.field or "", []).append(one.words)
    fields = _measure_fields(form) if form.kind == MEASURES else _indicator_fields(form)
    parts = [
        pages.Section("part", Words("定义", "Definition"), fields=tuple(fields)),
        _trial(form, tried),
    ]
    if form.kind == INDICATORS:
        parts.append(
            pages.Section(
                "weights", Words("权重（合计 100 %）", "Weights (100 % in all)"), tuple(_weights(form))
            )
        )
    parts.append(
        pages.Section("facts", Words("公式可用的名称", "Names formulas may use"), cells=tuple(_facts(form)))
    )
    marked = [
        replace(part, fields=tuple(replace(one, errors=tuple(told.get(one.name, ()))) for one in part.fields))
        for part in parts
    ]
    title = NEW[form.kind]
    if form.key:
        title = say("{what}：{name}", "{what}: {name}", what=NAMES[form.kind], name=form.name)
    return pages.FormPage(
        title=title,
        action_url=request.path,
        sections=tuple(marked),
        crumbs=_crumbs(form, title),
        acts=_remove_act(form),
        facts=(form.key,) if form.key else (),
        banners=(pages.Banner(_result(tried), "ok"),) if tried else (),
        problems=tuple(pages.Problem(words, field=name) for name, every in told.items() for words in every),
        hidden=seen_of(form.version, refusal),
        cmd=forms.new_cmd(),
        cancel_url=form.back,
        submit_label=Words("存入草稿", "Keep in the draft"),
        submits=(pages.Act(Words("试算", "Try"), name="try", value="1"),),
        is_typed=request.method == "POST",
    )


WRITES = Words(
    "请在新标签页打开现在的草稿核对：再次保存只写入本页的内容，其余保留。",
    "Look at the draft as it is now in a new tab: saving again writes what stands on this page and keeps the rest.",
)


def _crumbs(form: _Form, title: Words) -> tuple[pages.Crumb, ...]:
    return (
        pages.Crumb(TITLE, url_for(f"{VIEW}.list")),
        pages.Crumb(publications.title_of_scheme(form.version), form.back),
        pages.Crumb(title),
    )


def _remove_act(form: _Form) -> tuple[pages.Act, ...]:
    if not form.key:
        return ()
    what = {MEASURES: "remove_measure", INDICATORS: "remove_indicator"}[form.kind]
    url = url_for(f"{SchemePartView.__name__}.{what}", pk=form.version.id, key=form.key)
    return (pages.Act(Words("移除", "Remove"), url, icon="trash", tone="bad"),)


def _question(form: _Form, refusal: Refusal | None) -> pages.FormPage:
    """Whether a part is to go; of a weighed indicator also how the others weigh without it."""
    title = say("移除{what}：{name}", "Remove the {what}: {name}", what=LOWER[form.kind], name=form.name)
    is_weighed = form.kind == INDICATORS and form.stands.get("weight")
    weights = [one for one in _weights(form) if one.name != OWN_WEIGHT] if is_weighed else []
    wrong = wrong_in(refusal, LOOK_FIRST)
    return pages.FormPage(
        title=title,
        action_url=request.path,
        sections=(pages.Section("weights", OTHER_WEIGHTS, tuple(weights)),) if weights else (),
        crumbs=_crumbs(form, title),
        banners=(pages.Banner(say("移除后不影响已发布的版本。", "Published versions stay as they are.")),),
        problems=tuple(pages.Problem(one.words, field=one.field or "") for one in wrong),
        hidden=seen_of(form.version, refusal),
        cmd=forms.new_cmd(),
        cancel_url=form.back,
        submit_label=Words("从草稿中移除", "Remove from the draft"),
    )


LOOK_FIRST = Words(
    "请先核对现在的草稿，再移除。", "Look at the draft as it is now before you remove anything from it."
)
OTHER_WEIGHTS = Words("其余指标的权重（合计 100 %）", "Weights of the other indicators (100 % in all)")


def _key_and_names(form: _Form) -> Iterable[pages.Field]:
    if not form.key:
        yield pages.Field(
            "key", Words("键", "Key"), value=form.shown("key"), required=True, maxlength=40, is_code=True
        )
    for name, label in (("zh", Words("中文名称", "Chinese name")), ("en", Words("英文名称", "English name"))):
        yield pages.Field(
            name, label, value=form.shown(name, form.stands.get(name)), required=True, maxlength=200
        )


def _measure_fields(form: _Form) -> Iterable[pages.Field]:
    stands = form.stands
    yield from _key_and_names(form)
    yield pages.Field(
        "source",
        Words("来源", "Source"),
        "choice",
        form.shown("source", stands.get("source")),
        choices=tuple(pages.Choice(name, words) for name, words in trying.sources_for(form.version).items()),
        required=True,
    )
    yield pages.Field(
        "aggregate",
        Words("汇总", "Aggregate"),
        "choice",
        form.shown("aggregate", stands.get("aggregate")),
        choices=tuple(pages.Choice(one.value, words) for one, words in AGGREGATES.items()),
        required=True,
    )
    for name, label, help_ in FORMULAS:
        yield pages.Field(
            name, label, "long", form.shown(name, stands.get(name)), help=help_, rows=2, is_code=True
        )
    yield pages.Field(
        "window",
        Words("时间范围", "Window"),
        value=form.shown("window", stands.get("window") or WHOLE_PERIOD),
        help=WINDOWS,
    )
    yield pages.Field(
        "at",
        Words("按哪个时间", "By which time"),
        "choice",
        form.shown("at", stands.get("at")),
        choices=tuple(_times(form)),
        placeholder=Words("来源自己的时间", "the time of the source"),
    )
    yield pages.Field(
        "again",
        Words("只计首日之后的记录（复购）", "Only rows after the first day (bought again)"),
        "flag",
        form.shown("again", "1" if stands.get("again") else ""),
    )
    yield pages.Field(
        "whole",
        Words("合计全部对象的记录", "Add up the rows of all subjects"),
        "flag",
        form.shown("whole", "1" if stands.get("whole") else ""),
    )


def _source(form: _Form) -> str:
    return form.shown("source", form.stands.get("source"))


def _times(form: _Form) -> Iterable[pages.Choice]:
    for column in trying.facts_of(form.version, _source(form)):
        if column.fact.type in (DATE, MOMENT) and not column.via:
            yield pages.Choice(column.fact.name, column.fact.words)


def _indicator_fields(form: _Form) -> Iterable[pages.Field]:
    stands = form.stands
    missing = stands.get("missing") or "fail"
    policy = missing.get("policy") if isinstance(missing, Mapping) else missing
    number = missing.get(NUMBERED.get(str(policy), "")) if isinstance(missing, Mapping) else None
    method = form.shown("method", _yaml(stands.get("method")))
    yield from _key_and_names(form)
    yield pages.Field(
        "value",
        Words("取值公式", "Value"),
        "long",
        form.shown("value", stands.get("value")),
        help=Words(
            "如 ratio(sales_amt, sales_target)；人工评分不填",
            "such as ratio(sales_amt, sales_target); none for points people give",
        ),
        rows=2,
        wide=True,
        is_code=True,
    )
    yield pages.Field(
        "method",
        Words("评分方法", "Scored by"),
        "long",
        method,
        help=Words(
            "如 {kind: linear, from: 0元, to: 50万元}；不填则只显示不评分",
            "such as {kind: linear, from: CNY 0, to: CNY 500000}; without one it is only shown",
        ),
        rows=min(12, max(4, method.count("\n") + 1)),
        wide=True,
        is_code=True,
    )
    yield pages.Field(
        "missing",
        Words("缺数据时", "Without data"),
        "choice",
        form.shown("missing", policy),
        choices=tuple(pages.Choice(name, words) for name, words in MISSING.items()),
        required=True,
    )
    yield pages.Field(
        "missing_number",
        Words("固定分数，或沿用的最长天数", "The fixed score, or the most days it is carried on"),
        "number",
        form.shown("missing_number", number),
    )


def _yaml(value: Any) -> str:
    if value is None:
        return ""
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, default_flow_style=None, width=100)
    return text.strip()


def _weights(form: _Form) -> Iterable[pages.Field]:
    """The weight of this indicator, and those of the others, so that they can add up again."""
    own = Words("本指标", "This indicator")
    yield _weight(form, OWN_WEIGHT, own, form.stands.get("weight"))
    for key, one in (form.version.body.get(INDICATORS) or {}).items():
        if key != form.key and one.get("method"):
            yield _weight(form, f"{WEIGHT}{key}", Words(str(one["zh"]), str(one["en"])), one.get("weight"))


def _weight(form: _Form, name: str, label: Words, stands: Any) -> pages.Field:
    as_it_stands = str(stands or "").replace("%", "").strip()
    # What was added to the draft elsewhere is not on the page that was sent.
    shown = form.shown(name, as_it_stands) if name in request.form else as_it_stands
    return pages.Field(name, label, value=shown, unit="%", maxlength=20)


# ---- trying ------------------------------------------------------------------------------------------------


def _trial(form: _Form, tried: Tried | None) -> pages.Section:
    subject = trying.of(form.version)
    chosen, name = values.whole(form.shown("subject")), ""
    if chosen is not None:
        title = subject.attribute(subject.title)
        name = db.session.scalar(select(title).where(subject.model.id == chosen)) or ""
    first, last = form.period()
    fields = (
        pages.Field(
            "subject",
            subject.words,
            "picker",
            str(chosen) if name else "",
            name,
            picker_url=url_for("PickView.pick", resource=access.resource_of(subject.model)),
        ),
        pages.Field("period_from", Words("评价期自", "Period from"), "date", first),
        pages.Field("period_to", Words("评价期至（含）", "Period to (included)"), "date", last),
    )
    return pages.Section(
        "try",
        Words("试算", "Try it"),
        fields=fields,
        cells=tuple(_found(tried)) if tried else (),
        note=Words(
            "选择一个对象后按“试算”；不保存任何内容。", "Choose a subject and press 'Try': nothing is kept."
        ),
    )


def _result(tried: Tried) -> Words:
    counted = sum(one.counted for one in tried.measures)
    return say(
        "试算结果：{value}，计入 {n} 行",
        "Tried: {value}, {n} {rows} counted",
        value=spoken(tried.type, tried.value),
        n=counted,
        rows="row" if counted == 1 else "rows",
    )


def _found(tried: Tried) -> Iterable[pages.Cell]:
    yield pages.Cell(
        spoken(tried.type, tried.value), "num", label=Words("值", "Value"), note=tried.type.words
    )
    for one in tried.measures:
        yield pages.Cell(_rows(one), label=one.words, note=one.how)


def _rows(one: MeasureLine) -> Words:
    return say("{value}：{tally}", "{value}: {tally}", value=spoken(one.type, one.value), tally=one.tally)


def _facts(form: _Form) -> Iterable[pages.Cell]:
    """The names a formula may use, each with what it is."""
    if form.kind == INDICATORS:
        for key, one in (form.version.body.get(MEASURES) or {}).items():
            yield pages.Cell(Words(str(one["zh"]), str(one["en"])), label=key)
        columns = trying.own_facts_of(form.version)
    else:
        columns = trying.facts_of(form.version, _source(form))
    for column in columns:
        closed = column.fact.type.of
        note = trying.words_of(closed) if closed else RECORD if column.key else column.fact.type.words
        yield pages.Cell(column.fact.words, label=column.fact.name, note=note)
    for fact in pins.SAMPLE.facts():
        yield pages.Cell(fact.words, label=fact.name, note=fact.type.words)
