"""Evaluations as JSON: the runs, starting and publishing one, its results and why somebody has his grade.

Points are whole hundredths (8,968 is 89.68), raw values the smallest unit of their kind, as the run sealed them.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_appbuilder import expose
from flask_appbuilder.api import BaseApi

from app import workflows
from app.api.records import body_of
from app.extensions import db, transaction
from app.models import EvalRun
from app.roles import Act
from app.views.guards import needs
from app.views.web import once, page_number
from app.workflows.evaluation import explaining, pins, publishing, reading, runs
from app.workflows.evaluation.explaining import IndicatorLine, MeasureLine

SIZE = 100


class EvaluationApi(BaseApi):
    """`/api/v1/evaluations/`."""

    resource_name = "evaluations"
    resource = "eval_run"
    csrf_exempt = False

    @expose("/", methods=["GET"])
    @needs(Act.read)
    def list(self) -> Response:
        """The runs, the newest first."""
        number = page_number(request.args)
        statement = reading.readable_runs().order_by(EvalRun.id.desc()).offset((number - 1) * SIZE)
        found = db.session.scalars(statement.limit(SIZE + 1)).all()
        return jsonify(result=[_run(run) for run in found[:SIZE]], has_next=len(found) > SIZE)

    @expose("/", methods=["POST"])
    @needs(Act.run)
    def start(self) -> tuple[Response, int]:
        """Start an official run: `scheme`, `period_from`, `period_to` (both included), optional `as_of`."""
        body = body_of()
        period = f"{body.get('period_from', '')}..{body.get('period_to', '')}"
        pin = pins.pin(period, str(body["as_of"]) if body.get("as_of") else None)
        with transaction():
            once().led_to("/evaluation/")
        run_id = runs.start(str(body.get("scheme", "")), pin)
        return jsonify(id=run_id, job=runs.enqueue(run_id)), 202

    @expose("/<int:pk>", methods=["GET"])
    @needs(Act.read)
    def one(self, pk: int) -> Response:
        """How a run stands, and how far its job is."""
        run, job = reading.find_run(pk), runs.job_of(pk)
        progress = None if job is None else {"status": job.status.value, "done": job.done_units}
        return jsonify(**_run(run), job=progress)

    @expose("/<int:pk>/results", methods=["GET"])
    @needs(Act.read)
    def results(self, pk: int) -> Response:
        """A page of the results, of subjects the person asking may read, in order of their ids."""
        opened, number = reading.open_run(pk), page_number(request.args)
        statement = reading.visible(opened).offset((number - 1) * SIZE).limit(SIZE + 1)
        rows = db.session.execute(statement).mappings().all()
        listed = [_result(opened, row) for row in rows[:SIZE]]
        return jsonify(result=listed, has_next=len(rows) > SIZE)

    @expose("/<int:pk>/explain/<int:subject>", methods=["GET"])
    @needs(Act.read)
    def explain(self, pk: int, subject: int) -> Response:
        """Why a subject has its grade, down to the rows counted and those left out."""
        found = explaining.explain_subject(pk, subject)
        return jsonify(
            run=found.run_id,
            subject=found.subject_id,
            code=found.code,
            name=found.name,
            grade=str(found.grade),
            total=found.total,
            coverage=found.coverage,
            reason=str(found.sentence or ""),
            notes=[str(note) for note in found.notes],
            indicators=[_indicator(one) for one in found.indicators],
            measures=[_measure(line) for line in found.measures],
        )

    @expose("/<int:pk>/submit", methods=["POST"])
    @needs(Act.submit)
    def submit(self, pk: int) -> Response:
        """Have the grades of a sealed run decided on; its approval publishes them."""
        key = request.headers.get("Idempotency-Key")
        with transaction():
            found = workflows.submit(reading.find_run(pk), idem_key=key)
        return jsonify(id=pk, request=found.request_id, status=found.status)

    @expose("/<int:pk>/publish", methods=["POST"])
    @needs(Act.publish)
    def publish(self, pk: int) -> Response:
        """Make the grades of a sealed run the current ones, where no flow decides on it; not by who started it."""
        return jsonify(id=pk, graded=publishing.publish(pk))


def _run(run: EvalRun) -> dict[str, Any]:
    last = pins.Pin(run.period_from, run.period_to, run.as_of).last_day
    return {
        "id": run.id,
        "kind": run.kind.value,
        "status": run.status.value,
        "revision": run.revision,
        "period_from": run.period_from.isoformat(),
        "period_to": last.isoformat(),
        "as_of": run.as_of.isoformat(),
        "population": run.population,
        "checksum": run.checksum,
    }


def _result(opened: reading.Opened, row: Any) -> dict[str, Any]:
    grade = opened.grade(row["grade_no"])
    return {
        "subject": row["subject_id"],
        "code": row["code"],
        "name": row["name"],
        "grade": grade.code if grade else None,
        "total": row["total"],
        "values": {one.key: row[f"v{one.column}"] for one in opened.scheme.indicators},
        "scores": {one.key: row[f"s{one.column}"] for one in opened.scheme.indicators if one.is_scored},
    }


def _indicator(one: IndicatorLine) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": str(one.words),
        "value": str(one.value),
        "score": one.score,
        "weight": one.weight,
        "contribution": one.contribution,
        "method": str(one.method),
    }


def _measure(line: MeasureLine) -> dict[str, Any]:
    return {
        "key": line.key,
        "name": str(line.words),
        "how": str(line.how),
        "value": line.value,
        "counted": line.counted,
        "left_out": line.left_out,
        "rows": [
            {
                "id": row.id,
                "at": row.at,
                "value": row.value,
                "left_out": str(row.left_out) if row.left_out else None,
            }
            for row in line.rows
        ],
    }
