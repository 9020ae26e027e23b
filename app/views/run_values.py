"""How the raw values of a run are spread, beside how its grades are: a table of its indicators on the run's page."""

from __future__ import annotations

from flask import request

from app.views import pages
from app.views.lists import query_args_with
from app.words import Words, say
from app.workflows.evaluation import reading, spread
from app.workflows.evaluation.saying import BLANK, spoken, spoken_mean

TITLE = Words("指标取值（您可见的对象）", "Values of the indicators (of the subjects you see)")
ASKED = "values"
COLUMNS = (
    pages.Column("indicator", Words("指标", "Indicator"), wide_on_phone=True),
    pages.Column("counted", Words("有值的对象", "With a value"), numeric=True),
    pages.Column("low", Words("最小", "Lowest"), numeric=True),
    pages.Column("median", Words("中位数", "Median"), numeric=True),
    pages.Column("mean", Words("平均", "Mean"), numeric=True),
    pages.Column("deviation", Words("样本标准差", "Standard deviation (sample)"), numeric=True),
    pages.Column("high", Words("最大", "Highest"), numeric=True),
)


def table(opened: reading.Opened) -> pages.ListPage:
    """Each indicator with its denominator and its figures; of a large run when somebody asks for them."""
    is_asked = opened.run.population <= reading.MOST_PEERS or bool(request.args.get(ASKED))
    return pages.ListPage(
        title=TITLE,
        resource="eval_run",
        columns=COLUMNS,
        rows=tuple(_row(one) for one in spread.spreads(opened)) if is_asked else (),
        empty=None if is_asked else _offer(opened),
    )


def _row(one: spread.Spread) -> pages.Row:
    kind = one.indicator.type
    texts = (
        say("{n} / {all}", "{n} of {all}", n=f"{one.counted:,}", all=f"{one.subjects:,}"),
        spoken(kind, one.low, nothing=BLANK),
        spoken_mean(kind, one.median),
        spoken_mean(kind, one.mean),
        spoken_mean(kind, one.deviation),
        spoken(kind, one.high, nothing=BLANK),
    )
    figures = (
        pages.Cell(text, kind="num", label=column.label)
        for text, column in zip(texts, COLUMNS[1:], strict=True)
    )
    name = pages.Cell(one.indicator.words, label=COLUMNS[0].label)
    return pages.Row(one.indicator.key, "", (name, *figures), selectable=False)


def _offer(opened: reading.Opened) -> pages.EmptyState:
    """For a run so large that its page would be waited for."""
    return pages.EmptyState(
        say(
            "{n} 个对象的取值需要几秒钟计算",
            "The values of {n} subjects take some seconds to work out",
            n=f"{opened.run.population:,}",
        ),
        act=pages.Act(
            Words("计算指标取值", "Work out the values"),
            url=query_args_with(**{ASKED: "1"}),
            icon="chart-bar",
        ),
        icon="chart-bar",
    )
