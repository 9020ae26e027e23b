"""Points people give where nothing computes: several raters, each with what he rests them on, never by the rated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.errors import BadInput, NotAllowed, NotFound, Problem, WrongState
from app.extensions import company, db
from app.models import Employee, EvalManualScore, EvalScheme, EvalSchemeVersion, EvalStatus, OrgUnit, Plan
from app.roles import Act
from app.services import access
from app.words import Words, say
from app.workflows.evaluation import schemes
from app.workflows.evaluation.methods import Manual
from app.workflows.evaluation.pins import Pin
from app.workflows.evaluation.reading import code_of, title_of
from app.workflows.evaluation.schemes import Scheme
from app.workflows.evaluation.sources import table_of
from app.workflows.evaluation.statements import population_of


def give(
    code: str, indicator: str, subject_id: int, pin: Pin, points: Decimal, evidence: str = ""
) -> EvalManualScore:
    """Keep the points the person asking gives a subject; given again, they replace his own. Inside `transaction()`.

    Raises:
        NotFound: there is no such published scheme, manual indicator or subject.
        NotAllowed: he may not see the subject, or is the one rated.
        WrongState: the days for rating are over.
        BadInput: the points lie outside 0 and 100, or the evidence is missing.

    """
    who = access.principal()
    scheme_id, scheme = _published(code, pin)
    method = next((one.method for one in scheme.indicators if one.key == indicator), None)
    if not isinstance(method, Manual):
        raise NotFound(
            say("没有人工指标“{key}”。", "There is no manual indicator '{key}'.", key=indicator[:60])
        )
    if who.employee_id is None or not who.may(Act.read, "eval_scheme"):
        raise NotAllowed(say("您不能评分。", "You cannot give points."))
    _check_subject(scheme, subject_id)
    with access.acting(access.SYSTEM):
        if who.employee_id in set(rated(scheme, subject_id)):
            raise NotAllowed(say("被评者不能给自己评分。", "Nobody gives points to himself."))
    _check_open(method, pin)
    problems = list(_problems(method, points, evidence))
    if problems:
        raise BadInput(problems)
    with access.acting(access.SYSTEM):
        return _keep(scheme_id, indicator, subject_id, pin, (who.employee_id, points, evidence.strip()))


def _published(code: str, pin: Pin) -> tuple[int, Scheme]:
    with access.acting(access.SYSTEM):
        found = db.session.execute(
            sa.select(EvalScheme.id, EvalSchemeVersion.body)
            .join(EvalSchemeVersion, EvalSchemeVersion.scheme_id == EvalScheme.id)
            .where(EvalScheme.code == code, EvalSchemeVersion.status == EvalStatus.published)
        ).first()
    if found is None:
        raise NotFound(say("没有已发布的方案 {code}。", "There is no published scheme {code}.", code=code))
    return found.id, schemes.load(found.body, pin)


def _check_subject(scheme: Scheme, subject_id: int) -> None:
    """Raises `NotFound` for a subject he may not read, or that is none of this scheme."""
    model = scheme.subject.model
    seen = db.session.scalar(sa.select(model.id).where(model.id == subject_id))
    with access.acting(access.SYSTEM):
        stands = sa.select(scheme.subject.key).where(scheme.subject.key == subject_id, scheme.subject.stands)
        if seen is None or db.session.scalar(stands) is None:
            raise NotFound(say("没有这个评价对象。", "There is no such subject."))


def rated(scheme: Scheme, subject_id: int) -> Iterator[int | None]:
    """The employees a score of this subject is about: the person, those of the unit, who made the programme."""
    kind = scheme.subject.counted_as
    if kind == "employee":
        yield subject_id
    elif kind == "unit":
        unit, above = table_of(OrgUnit), table_of(OrgUnit).alias("above")
        inside = sa.func.substr(unit.c.path, 1, sa.func.length(above.c.path)) == above.c.path
        yield from db.session.scalars(
            sa.select(Employee.id)
            .join(unit, unit.c.id == Employee.org_unit_id)
            .join(above, inside)
            .where(above.c.id == subject_id)
        )
        yield from db.session.scalars(sa.select(OrgUnit.head_id).where(OrgUnit.id == subject_id))
    elif kind == "visit_programme":
        yield from db.session.scalars(sa.select(Plan.owner_id).where(Plan.id == subject_id))


def _check_open(method: Manual, pin: Pin) -> None:
    last = None if method.days is None else pin.last_day + timedelta(days=method.days)
    if last is not None and company.today() > last:
        raise WrongState(
            say(
                "评分已于 {day} 截止。",
                "Points could be given until {day}.",
                day=last.isoformat(),
            )
        )


def _problems(method: Manual, points: Decimal, evidence: str) -> Iterator[Problem]:
    if not points.is_finite() or not 0 <= points <= 100 or points * 100 != (points * 100).to_integral_value():  # noqa: PLR2004
        yield Problem(
            say("分数须在 0 到 100 之间，至多两位小数。", "Points lie between 0 and 100, with two decimals."),
            "points",
        )
    if method.evidence and not evidence.strip():
        yield Problem(say("请写明评分依据。", "Say what the points rest on."), "evidence")


def _keep(
    scheme_id: int, indicator: str, subject_id: int, pin: Pin, given: tuple[int, Decimal, str]
) -> EvalManualScore:
    rater_id, points, evidence = given
    same = {
        "scheme_id": scheme_id,
        "indicator": indicator,
        "period_from": pin.period_from,
        "period_to": pin.period_to,
        "subject_id": subject_id,
        "rater_id": rater_id,
    }
    found = db.session.scalar(sa.select(EvalManualScore).filter_by(**same)) or EvalManualScore(**same)
    found.points, found.evidence = points, evidence or None
    db.session.add(found)
    db.session.flush()
    return found


# ---- what there is to judge ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """An indicator people give points for, in the published version of a scheme."""

    code: str
    scheme: Words
    indicator: str
    words: Words
    method: Manual

    def closes(self, pin: Pin) -> date | None:
        """The last day points are taken for a period; None when there is none."""
        return None if self.method.days is None else pin.last_day + timedelta(days=self.method.days)


@dataclass(frozen=True, slots=True)
class Ask:
    """A subject to be judged: what the person asking gave it, and how many gave any."""

    subject_id: int
    code: str
    name: str
    points: Decimal | None
    evidence: str | None
    raters: int


def judged() -> list[Judged]:
    """Every indicator of a published scheme that lives on points people give. Raises `NotAllowed`."""
    access.principal().check(Act.read, "eval_scheme")
    with access.acting(access.SYSTEM):
        bodies = db.session.scalars(
            sa.select(EvalSchemeVersion.body)
            .join(EvalSchemeVersion.scheme)
            .where(EvalSchemeVersion.status == EvalStatus.published, EvalScheme.active)
            .order_by(EvalScheme.code)
        ).all()
    found = (schemes.load(body) for body in bodies)
    return [
        Judged(scheme.code, scheme.words, one.key, one.words, one.method)
        for scheme in found
        for one in scheme.indicators
        if isinstance(one.method, Manual)
    ]


def ask(one: Judged, pin: Pin, subject_id: int) -> Ask | None:
    """One subject to be judged, if the person asking sees it."""
    statement, model = _asks(one, pin)
    return next(iter(_listed(statement.where(model.id == subject_id))), None)


def asks(one: Judged, pin: Pin, search: str = "", first: int = 0, most: int = 25) -> list[Ask]:
    """The subjects of the scheme's population the person asking sees, in order; one statement."""
    statement, _ = _asks(one, pin, search)
    return _listed(statement.offset(first).limit(most))


def _listed(statement: sa.Select[Any]) -> list[Ask]:
    return [Ask(id_, code or "", name, *rest) for id_, code, name, *rest in db.session.execute(statement)]


def _asks(one: Judged, pin: Pin, search: str = "") -> tuple[sa.Select[Any], Any]:
    who = access.principal()
    who.check(Act.read, "eval_scheme")
    scheme_id, scheme = _published(one.code, pin)
    model, given = scheme.subject.model, table_of(EvalManualScore)
    mine = given.alias("mine")

    def of_subject(table: Any) -> sa.ColumnElement[bool]:
        return sa.and_(
            table.c.scheme_id == scheme_id,
            table.c.indicator == one.indicator,
            table.c.period_from == pin.period_from,
            table.c.period_to == pin.period_to,
            table.c.subject_id == model.id,
        )

    population = population_of(scheme)
    statement = (
        sa.select(
            model.id,
            code_of(scheme),
            title_of(scheme),
            mine.c.points,
            mine.c.evidence,
            sa.select(sa.func.count()).select_from(given).where(of_subject(given)).scalar_subquery(),
        )
        .join(population, population.c.subject_id == model.id)
        .outerjoin(mine, sa.and_(of_subject(mine), mine.c.rater_id == who.employee_id))
        .order_by(model.id)
    )
    if search:
        wanted = (code_of(scheme), title_of(scheme))
        statement = statement.where(sa.or_(*(text.contains(search, autoescape=True) for text in wanted)))
    return statement, model
