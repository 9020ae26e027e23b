"""Giving points where nothing computes: what there is to judge, who was judged, and the form with points and evidence."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_appbuilder import expose
from flask_appbuilder.baseviews import BaseView

from app.errors import BadInput, NotFound, Problem, Refusal
from app.extensions import company, transaction
from app.roles import Act
from app.services import values
from app.services.commands import AlreadyDone
from app.views import forms, pages
from app.views.base import fragment
from app.views.guards import needs
from app.views.lists import query_args_with
from app.views.web import once, page_number
from app.words import Words, say
from app.workflows.evaluation import judging, pins
from app.workflows.evaluation.judging import Ask, Judged
from app.workflows.evaluation.pins import Pin

TITLE = Words("人工评分", "Manual scores")
SIZE = 25
USUAL_DAYS = 15
"""Points of a year are usually given until so many days after it."""


class ScoringView(BaseView):
    """Points people give."""

    route_base = "/scoring"
    resource = "eval_scheme"
    class_permission_name = "eval_scheme"

    @expose("/")
    @needs(Act.read)
    def list(self) -> Any:
        """What there is to judge, chosen by indicator and period."""
        chosen = _chosen(request.args.get("what", ""))
        page = _page(chosen, _pin()) if chosen else _empty()
        return render_template("evaluation/comparison.html", page=page, fragment=fragment("compared"))

    @expose("/<code>/<indicator>/<int:subject>", methods=["GET", "POST"])
    @needs(Act.read)
    def give(self, code: str, indicator: str, subject: int) -> Any:
        """The form for one subject; sending it keeps one's points."""
        one, pin = _chosen(f"{code}.{indicator}"), _pin()
        ask = judging.ask(one, pin, subject) if one else None
        if one is None or ask is None:
            raise NotFound(say("没有这个评价对象。", "There is no such subject."))
        back = url_for("ScoringView.list", what=f"{code}.{indicator}", **_period(pin))
        if request.method == "GET":
            return render_template("record/form.html", page=_form(one, pin, ask, back))
        try:
            with transaction():
                command = once()
                judging.give(code, indicator, subject, pin, _points(), request.form.get("evidence", ""))
                command.led_to(back)
        except (NotFound, AlreadyDone):
            raise
        except Refusal as refusal:
            return render_template(
                "record/form.html", page=_form(one, pin, ask, back, refusal)
            ), refusal.status
        flash(str(say("评分已保存。", "The points are kept.")), "success")
        return redirect(back, 303)


def _chosen(what: str) -> Judged | None:
    """The indicator named, else the first there is."""
    every = judging.judged()
    code, _, key = what.partition(".")
    found = next((one for one in every if (one.code, one.indicator) == (code, key)), None)
    return found or (every[0] if every and not what else None)


def _pin() -> Pin:
    """The period asked for, else the year points are given for these days."""
    year = (company.today() - timedelta(days=USUAL_DAYS)).year
    given = request.args
    first, last = given.get("period_from") or f"{year}-01-01", given.get("period_to") or f"{year}-12-31"
    return pins.pin(f"{first}..{last}")


def _period(pin: Pin) -> dict[str, Any]:
    return {"period_from": pin.period_from.isoformat(), "period_to": pin.last_day.isoformat()}


def _points() -> Decimal:
    try:
        return Decimal(request.form.get("points", "").strip()[:20])
    except InvalidOperation:
        words = say(
            "分数须在 0 到 100 之间，至多两位小数。", "Points lie between 0 and 100, with two decimals."
        )
        raise BadInput([Problem(words, "points")]) from None


# ---- the list ----------------------------------------------------------------------------------------------


def _empty() -> pages.ComparisonPage:
    form = pages.FormPage(
        title=TITLE, action_url=url_for("ScoringView.list"), submit_label=Words("查看", "Show")
    )
    none = pages.EmptyState(
        Words("没有需要人工评分的指标", "No indicator lives on points people give"), icon="pencil"
    )
    table = pages.ListPage(title=TITLE, resource="eval_scheme", columns=(), rows=(), empty=none)
    return pages.ComparisonPage(title=TITLE, form=form, tables=(table,))


def _page(one: Judged, pin: Pin) -> pages.ComparisonPage:
    return pages.ComparisonPage(
        title=TITLE, form=_choice(one, pin), banners=tuple(_banners(one, pin)), tables=(_table(one, pin),)
    )


def _choice(one: Judged, pin: Pin) -> pages.FormPage:
    choices = tuple(
        pages.Choice(
            f"{each.code}.{each.indicator}",
            say("{scheme} · {name}", "{scheme} · {name}", scheme=each.scheme, name=each.words),
        )
        for each in judging.judged()
    )
    period = _period(pin)
    fields = (
        pages.Field(
            "what",
            Words("方案与指标", "Scheme and indicator"),
            "choice",
            f"{one.code}.{one.indicator}",
            choices=choices,
            required=True,
        ),
        pages.Field("q", Words("名称或编号", "Name or code"), value=request.args.get("q", "")[:100]),
        pages.Field(
            "period_from", Words("评价期自", "Period from"), "date", period["period_from"], required=True
        ),
        pages.Field(
            "period_to",
            Words("评价期至（含）", "Period to (included)"),
            "date",
            period["period_to"],
            required=True,
        ),
    )
    return pages.FormPage(
        title=TITLE,
        action_url=url_for("ScoringView.list"),
        sections=(pages.Section("what", "", fields=fields),),
        submit_label=Words("查看", "Show"),
    )


def _banners(one: Judged, pin: Pin) -> list[pages.Banner]:
    last = one.closes(pin)
    told = [
        say(
            "至少 {n} 人评分后取平均；被评者不能给自己评分。",
            "The mean counts once at least {n} have given points; nobody rates himself.",
            n=one.method.raters,
        )
    ]
    if last is not None:
        told.append(say("评分截止 {day}。", "Points are taken until {day}.", day=last))
    late = last is not None and company.today() > last
    text = Words("".join(part.zh for part in told), " ".join(part.en for part in told))
    return [pages.Banner(text, tone="warn" if late else "")]


COLUMNS = (
    pages.Column("name", Words("对象", "Subject"), wide_on_phone=True),
    pages.Column("code", Words("编号", "Code")),
    pages.Column("points", Words("我的评分", "My points"), numeric=True),
    pages.Column("evidence", Words("依据", "Evidence")),
    pages.Column("raters", Words("已评人数", "Raters so far"), numeric=True),
)


def _table(one: Judged, pin: Pin) -> pages.ListPage:
    number, search = page_number(request.args), request.args.get("q", "").strip()[:100]
    found = judging.asks(one, pin, search, (number - 1) * SIZE, SIZE + 1)
    rows = tuple(_row(one, pin, ask) for ask in found[:SIZE])
    return pages.ListPage(
        title=one.words,
        resource="eval_scheme",
        columns=COLUMNS,
        rows=rows,
        first=(number - 1) * SIZE + 1 if rows else 0,
        last=(number - 1) * SIZE + len(rows),
        prev_url=query_args_with(page=str(number - 1)) if number > 1 else "",
        next_url=query_args_with(page=str(number + 1)) if len(found) > SIZE else "",
        empty=pages.EmptyState(Words("没有您可见的评价对象", "No subject you may see"), icon="pencil"),
    )


def _row(one: Judged, pin: Pin, ask: Ask) -> pages.Row:
    url = url_for(
        "ScoringView.give", code=one.code, indicator=one.indicator, subject=ask.subject_id, **_period(pin)
    )
    cells = (
        pages.Cell(ask.name, "link", url=url, label=COLUMNS[0].label),
        pages.Cell(ask.code, label=COLUMNS[1].label),
        pages.Cell(
            "" if ask.points is None else values.show_number(ask.points), "num", label=COLUMNS[2].label
        ),
        pages.Cell(ask.evidence or "", label=COLUMNS[3].label),
        pages.Cell(str(ask.raters), "num", label=COLUMNS[4].label),
    )
    return pages.Row(str(ask.subject_id), url, cells, selectable=False)


# ---- the form ----------------------------------------------------------------------------------------------


def _form(one: Judged, pin: Pin, ask: Ask, back: str, refusal: Refusal | None = None) -> pages.FormPage:
    wrong = getattr(refusal, "problems", None) or ([refusal] if refusal else [])
    typed = request.form
    points = "" if ask.points is None else values.plain_number(ask.points)
    fields = (
        pages.Field(
            "points",
            one.words,
            value=typed.get("points", points),
            unit=Words("分（0–100）", "points (0–100)"),
            required=True,
            maxlength=6,
        ),
        pages.Field(
            "evidence",
            Words("评分依据", "What the points rest on"),
            "long",
            typed.get("evidence", ask.evidence or ""),
            required=one.method.evidence,
            wide=True,
        ),
    )
    return pages.FormPage(
        title=ask.name,
        action_url=request.full_path.rstrip("?"),
        sections=(pages.Section("points", "", fields=fields),),
        crumbs=(pages.Crumb(TITLE, back), pages.Crumb(ask.name)),
        facts=(
            one.scheme,
            say("{first} 至 {last}", "{first} to {last}", first=pin.period_from, last=pin.last_day),
        ),
        banners=tuple(_banners(one, pin)),
        problems=tuple(pages.Problem(each.words, field=getattr(each, "field", "") or "") for each in wrong),
        cmd=forms.new_cmd(),
        cancel_url=back,
        submit_label=Words("保存评分", "Keep the points"),
    )
