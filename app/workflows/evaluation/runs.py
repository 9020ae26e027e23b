"""Runs: pinned when they start, computed from one snapshot, kept chunk by chunk, sealed for good.

What a killed run had written is compared with what the next attempt computes: a chunk with the same checksum stands,
any other is written anew. So a sealed run always comes from one snapshot, however often it was begun.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, cast

import sqlalchemy as sa

from app.columns import now
from app.errors import NotFound, Refusal, WrongState
from app.extensions import db, one_state, transaction, workbench
from app.models import (
    AuditAct,
    EvalResult,
    EvalRun,
    EvalRunChunk,
    EvalRunStat,
    EvalScheme,
    EvalSchemeVersion,
    EvalStatus,
    Job,
    JobStatus,
    RunKind,
    RunStatus,
)
from app.roles import Act
from app.services import access, audit, jobs
from app.words import say
from app.workflows.evaluation import schemes
from app.workflows.evaluation.checksums import Checked, checked, checking, together
from app.workflows.evaluation.methods import Quantiles
from app.workflows.evaluation.pins import Pin
from app.workflows.evaluation.schemes import ENGINE, Scheme
from app.workflows.evaluation.sources import table_of
from app.workflows.evaluation.staging import Stage, stage
from app.workflows.evaluation.statements import Earlier

CHUNK = 4_000
"""Subject ids in one chunk: one short transaction, so that other writers hardly wait."""
REST = 1.5
"""How long a run leaves SQLite's one lock to others after a chunk, in times of what that took."""

RESULT, CHUNKS, STATS = (table_of(model) for model in (EvalResult, EvalRunChunk, EvalRunStat))

Progress = Callable[[int, int], object]


class Overtaken(Exception):
    """Another process computes this run now: this one may write no more."""


# ---- starting ----------------------------------------------------------------------------------------------------


def start_trial(body: Mapping[str, Any], pin: Pin) -> int:
    """A trial run of a scheme document (R31): its id. Raises `BadInput` for a faulty one, `NotAllowed`."""
    scheme = schemes.load(body, pin)
    access.principal().check(Act.run, "eval_run")
    schemes.check_readable(scheme)
    schemes.check_in_use(scheme)
    with access.acting(access.SYSTEM), transaction():
        version_id = trial_version(body)
    return _start(version_id, pin, RunKind.trial)


def start(code: str, pin: Pin) -> int:
    """An official run of the published scheme of this code: its id. Raises `NotFound`, `NotAllowed`."""
    access.principal().check(Act.run, "eval_run")
    with access.acting(access.SYSTEM):
        version = db.session.scalar(
            sa.select(EvalSchemeVersion)
            .join(EvalScheme)
            .where(EvalScheme.code == code, EvalSchemeVersion.status == EvalStatus.published)
        )
    if version is None:
        raise NotFound(say("没有已发布的方案 {code}。", "There is no published scheme {code}.", code=code))
    schemes.check_in_use(schemes.load(version.body, pin))
    return _start(version.id, pin, RunKind.official)


def _start(version_id: int, pin: Pin, kind: RunKind) -> int:
    """The unfinished run of this version, period and kind, or a new revision."""
    who = access.principal()
    with access.acting(access.SYSTEM), transaction():
        same = sa.and_(
            EvalRun.scheme_version_id == version_id,
            EvalRun.period_from == pin.period_from,
            EvalRun.period_to == pin.period_to,
            EvalRun.kind == kind,
        )
        newest = db.session.scalar(sa.select(EvalRun).where(same).order_by(EvalRun.revision.desc()).limit(1))
        if newest and newest.as_of == pin.as_of and newest.status in UNFINISHED and newest.engine == ENGINE:
            return newest.id
        run = EvalRun(
            scheme_version_id=version_id,
            kind=kind,
            revision=newest.revision + 1 if newest else 1,
            period_from=pin.period_from,
            period_to=pin.period_to,
            as_of=pin.as_of,
            engine=ENGINE,
            created_by_id=who.user_id,
        )
        db.session.add(run)
        db.session.flush()
        _tell(run.id, who, say("开始评价运行", "Evaluation run started"))
        return run.id


UNFINISHED = frozenset({RunStatus.created, RunStatus.collecting, RunStatus.failed})


def trial_version(body: Mapping[str, Any]) -> int:
    """The trial version that holds this document, made if it is new; inside a transaction."""
    code, digest = str(body["scheme"]), schemes.hash_of(body)
    scheme = scheme_called(code, body, active=False)
    held = db.session.scalar(
        sa.select(EvalSchemeVersion.id).where(
            EvalSchemeVersion.scheme_id == scheme.id,
            EvalSchemeVersion.body_hash == digest,
            EvalSchemeVersion.status == EvalStatus.trial,
        )
    )
    if held is not None:
        return held
    version = EvalSchemeVersion(
        scheme_id=scheme.id,
        edition=next_edition(scheme.id),
        status=EvalStatus.trial,
        body=dict(body),
        body_hash=digest,
    )
    db.session.add(version)
    db.session.flush()
    return version.id


def scheme_called(code: str, body: Mapping[str, Any], *, active: bool) -> EvalScheme:
    """The scheme of this code, made if it is new; one that only trials know stays out of pickers."""
    scheme = db.session.scalar(sa.select(EvalScheme).where(EvalScheme.code == code))
    if scheme is None:
        scheme = EvalScheme(
            code=code, name_zh=body["zh"], name_en=body["en"], subject_type=body["subject"], active=active
        )
        db.session.add(scheme)
        db.session.flush()
    return scheme


def next_edition(scheme_id: int) -> int:
    newest = sa.select(sa.func.max(EvalSchemeVersion.edition)).where(EvalSchemeVersion.scheme_id == scheme_id)
    return (db.session.scalar(newest) or 0) + 1


# ---- computing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pinned:
    """What an attempt at a run knows: the run, its scheme, and the moment it took the run over."""

    run_id: int
    scheme_id: int
    scheme: Scheme
    earlier: Earlier | None
    token: datetime


@jobs.kind("evaluation", zh="评价运行", en="Evaluation run")
def compute_as_job(job: jobs.Run) -> dict[str, Any]:
    """Compute the run a job was written for; its chunks are the job's checkpoint."""
    run_id = int(job.args["run_id"])

    def tell(done: int, total: int) -> None:
        job.save(done=done, total=total)

    compute(run_id, tell)
    return {"run_id": run_id}


def enqueue(run_id: int) -> int:
    """Have a run computed in the background, with the rights of who asks: the job's id.

    Asked twice it is one job; after one that ended without a result, a new one. Raises `NotAllowed`.
    """
    who = access.principal()
    who.check(Act.run, "eval_run")
    with transaction():
        before = job_of(run_id)
        if before is not None and is_under_way(before):
            return before.id
        return jobs.enqueue(
            "evaluation",
            {"run_id": run_id},
            requester=jobs.Requester(who.user_id, who.employee_id),
            idem_key=f"evaluation:{run_id}" if before is None else f"evaluation:{run_id}:{before.id}",
        )


def is_under_way(job: Job) -> bool:
    return job.status in {JobStatus.queued, JobStatus.running}


def job_of(run_id: int) -> Job | None:
    """The newest job that computes this run, whoever asked for it."""
    key = f"evaluation:{run_id}"
    mine = sa.or_(Job.idem_key == key, Job.idem_key.startswith(f"{key}:"))
    with access.acting(access.SYSTEM):
        return db.session.scalar(sa.select(Job).where(mine).order_by(Job.id.desc()).limit(1))


def compute(run_id: int, progress: Progress | None = None) -> None:
    """Compute and seal a run. `progress` is called inside each chunk's transaction with subjects done and in all.

    Raises `WrongState` for a run that is sealed, `Refusal` when there is nobody to evaluate, `Overtaken`.
    """
    who = access.principal()
    who.check(Act.run, "eval_run")
    with access.acting(access.SYSTEM):
        pinned = _take(run_id)
        try:
            _collect(pinned, progress, who)
        except Refusal:
            with transaction():
                _change(pinned, status=RunStatus.failed)
            raise


def _take(run_id: int) -> Pinned:
    """Take the run over from whoever had it."""
    token = now()
    with transaction():
        found = db.session.execute(
            sa.select(EvalRun, EvalSchemeVersion)
            .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
            .where(EvalRun.id == run_id)
            .with_for_update(of=EvalRun)
        ).first()
        if found is None:
            raise NotFound(say("没有评价运行 {id}。", "There is no evaluation run {id}.", id=run_id))
        run, version = found
        if run.status not in UNFINISHED:
            raise WrongState(
                say(
                    "评价运行 {id} 已封存，结果不再改变。",
                    "Run {id} is sealed: its results no longer change.",
                    id=run_id,
                )
            )
        scheme = schemes.load(version.body, Pin(run.period_from, run.period_to, run.as_of))
        earlier = _earlier(run, version, scheme)
        statement = sa.update(EvalRun).where(EvalRun.id == run_id)
        _execute(statement.values(status=RunStatus.collecting, started_at=token))
        return Pinned(run_id, version.scheme_id, scheme, earlier, token)


def _earlier(run: EvalRun, version: EvalSchemeVersion, scheme: Scheme) -> Earlier | None:
    """The newest published run of the scheme for an earlier period, not older than the carried scores may be."""
    ages = [one.missing.days for one in scheme.indicators if one.missing.policy == "carry"]
    if not ages:
        return None
    found = db.session.execute(
        sa.select(EvalRun.id, EvalSchemeVersion.body)
        .join(EvalSchemeVersion, EvalSchemeVersion.id == EvalRun.scheme_version_id)
        .where(
            EvalSchemeVersion.scheme_id == version.scheme_id,
            EvalRun.status.in_([RunStatus.published, RunStatus.superseded]),
            EvalRun.period_to <= run.period_from,
            EvalRun.period_to >= run.period_from - timedelta(days=max(ages)),
        )
        .order_by(EvalRun.period_to.desc(), EvalRun.id.desc())
        .limit(1)
    ).first()
    if found is None:
        return None
    return Earlier(found.id, {key: slot for slot, key in enumerate(found.body["indicators"], 1)})


def _collect(pinned: Pinned, progress: Progress | None, who: access.Principal) -> None:
    """Work out the raw values of everybody from one snapshot, keep the results chunk by chunk; then seal."""
    kept = _kept(pinned.run_id)
    held = sa.select(RESULT.c.subject_id).where(RESULT.c.run_id == pinned.run_id).limit(1)
    is_resumed = bool(kept) or db.session.scalar(held) is not None
    db.session.rollback()
    with workbench() as bench:
        with one_state(bench):
            staged = stage(bench, pinned.scheme, pinned.scheme_id, pinned.earlier)
            chunks = staged.chunks(bench, CHUNK)
            same = {number for number in kept if kept[number] == _computed(bench, staged, number)}
        if not chunks:
            raise Refusal(
                say(
                    "没有符合条件的评价对象，请检查方案的评价范围、评价期和数据。",
                    "Nobody fits the population of the scheme: check its conditions, the period and the data.",
                )
            )
        writer, done = Writer(pinned, bench, staged, is_resumed), 0
        for number, subjects in chunks:
            done += subjects
            if number not in same:
                began = time.monotonic()
                writer.keep(number, partial(progress, done, staged.population) if progress else None)
                if bench.dialect.name == "sqlite" and done < staged.population:
                    # Who waits for its lock looks again now and then, and would find it taken each time.
                    time.sleep(REST * (time.monotonic() - began))
    _seal(pinned, staged, {number for number, _ in chunks}, who)


def _kept(run_id: int) -> dict[int, Checked]:
    """The chunks an earlier attempt wrote."""
    statement = sa.select(CHUNKS.c.no, CHUNKS.c.subjects, CHUNKS.c.checksum).where(CHUNKS.c.run_id == run_id)
    return {
        number: Checked(subjects, checksum) for number, subjects, checksum in db.session.execute(statement)
    }


def _computed(bench: sa.Connection, staged: Stage, number: int) -> Checked:
    return checked(bench, checking(staged.results(*_range(number)).subquery("computed")))


def _range(number: int) -> tuple[int, int]:
    return number * CHUNK, number * CHUNK + CHUNK - 1


@dataclass(frozen=True)
class Writer:
    """Writes results from where they were staged to where they stay, a short transaction for each chunk."""

    pinned: Pinned
    bench: sa.Connection
    staged: Stage
    is_resumed: bool
    """Whether an attempt before left something."""

    @cached_property
    def statement(self) -> sa.Insert:
        low, high = (sa.bindparam(name, type_=sa.BigInteger) for name in ("low", "high"))
        rows = self.staged.results(low, high)
        names = [column.name for column in rows.selected_columns]
        run = sa.literal(self.pinned.run_id).label("run_id")
        return sa.insert(RESULT).from_select(
            [*names, "run_id"], rows.add_columns(run), include_defaults=False
        )

    @cached_property
    def check(self) -> sa.Select[Any]:
        """The checksum of the columns of a result this scheme fills, of one chunk as it stands."""
        names = [column.name for column in self.staged.results(0, 0).selected_columns]
        low, high = (sa.bindparam(name, type_=sa.BigInteger) for name in ("low", "high"))
        mine = sa.and_(RESULT.c.run_id == self.pinned.run_id, RESULT.c.subject_id.between(low, high))
        return checking(sa.select(*(RESULT.c[name] for name in names)).where(mine).subquery("stored"))

    def keep(self, number: int, progress: Callable[[], object] | None) -> None:
        """Write one chunk, whatever was there, with its checksum."""
        low, high = _range(number)
        with transaction(self.bench):
            _check_token(self.pinned)
            if self.is_resumed:
                _clear(self.pinned.run_id, [number])
            _execute(self.statement, {"low": low, "high": high})
            found = checked(db.session, self.check, {"low": low, "high": high})
            values = {"no": number, "low_id": low, "high_id": high, **asdict(found)}
            _execute(sa.insert(CHUNKS), {"run_id": self.pinned.run_id, **values})
            if progress is not None:
                progress()


def _clear(run_id: int, numbers: Sequence[int]) -> None:
    """Remove what an attempt that was cut short left in these ranges."""
    for number in numbers:
        low = number * CHUNK
        in_range = RESULT.c.subject_id.between(low, low + CHUNK - 1)
        _execute(sa.delete(RESULT).where(RESULT.c.run_id == run_id, in_range))
        _execute(sa.delete(CHUNKS).where(CHUNKS.c.run_id == run_id, CHUNKS.c.no == number))


def _seal(pinned: Pinned, staged: Stage, numbers: set[int], who: access.Principal) -> None:
    """Write the statistics, check that nothing is lost or left over, and close the run for good."""
    with transaction():
        _check_token(pinned)
        chunks = _kept(pinned.run_id)
        _clear(pinned.run_id, sorted(chunks.keys() - numbers))
        _execute(sa.delete(STATS).where(STATS.c.run_id == pinned.run_id))
        _execute(sa.insert(STATS), list(_statistics(pinned.run_id, staged)))
        found = together([chunks[number] for number in sorted(numbers)])
        if found.subjects != staged.population:
            raise RuntimeError(f"run {pinned.run_id}: {found} for {staged.population} subjects")
        _change(
            pinned,
            status=RunStatus.sealed,
            population=found.subjects,
            checksum=found.checksum,
            sealed_at=now(),
        )
        _tell(
            pinned.run_id,
            who,
            say("评价结果已封存，共 {n} 个对象", "Results sealed for {n} subjects", n=found.subjects),
        )
        if found.subjects > CHUNK and db.session.get_bind().dialect.name == "postgresql":
            # Until it looks at them it takes the rows of a new run for a handful, and joins them one by one.
            db.session.execute(sa.text("ANALYZE eval_result"))


def _statistics(run_id: int, staged: Stage) -> Iterator[dict[str, Any]]:
    for one in staged.scheme.indicators:
        whole, method = staged.wholes[one.column], one.method
        by_value = isinstance(method, Quantiles) and method.by_value
        yield {
            "run_id": run_id,
            "slot": one.slot,
            "peer": "",
            "counted": whole.counted,
            "missing": staged.population - whole.counted,
            "low": whole.low,
            "high": whole.high,
            "edges": cast("Quantiles", method).edges(whole) if by_value else None,
        }


# ---- writing -----------------------------------------------------------------------------------------------------


def _check_token(pinned: Pinned) -> None:
    """Whether the run is still ours to write: whoever took it over later has it."""
    held = sa.and_(
        EvalRun.id == pinned.run_id,
        EvalRun.started_at == pinned.token,
        EvalRun.status == RunStatus.collecting,
    )
    if not _execute(sa.update(EvalRun).where(held).values(started_at=pinned.token)):
        raise Overtaken(f"run {pinned.run_id}")


def _change(pinned: Pinned, **values: Any) -> None:
    _execute(sa.update(EvalRun).where(EvalRun.id == pinned.run_id).values(**values))


def _execute(statement: Any, values: Any = None) -> int:
    """Carry out a set-based write on the engine's own tables (nothing of them is audited); how many rows."""
    options = {"synchronize_session": False}
    if values is None:
        outcome = db.session.execute(statement, execution_options=options)
    else:
        outcome = db.session.execute(statement, values, execution_options=options)
    return cast("sa.CursorResult[Any]", outcome).rowcount


def _tell(run_id: int, who: access.Principal, summary: Any) -> None:
    audit.record(
        AuditAct.evaluation,
        "eval_run",
        run_id,
        summary=summary,
        actor=audit.Actor(who.user_id, who.employee_id) if who.user_id else None,
    )
