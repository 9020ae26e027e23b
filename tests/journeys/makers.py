"""Records no form is typed for: what an engine computes, a version of a document, a list that is taken out.

Each maker is named by `made` in `flows.yaml`, is called by the person who will submit, and gives resource and id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from app.extensions import company as company_time, db, transaction
from app.models import (
    ApprovalFlow,
    ApprovalFlowVersion,
    EvalAppeal,
    EvalSchemeVersion,
    FlowStatus,
    Lifecycle,
    Parameter,
)
from app.services import access, exports, records
from app.workflows import designing, incentives
from app.workflows.evaluation import packing, publishing, runs
from app.workflows.evaluation.pins import pin
from app.workflows.incentives.settling import later, month_of
from tests.workflows.evaluation import shop

if TYPE_CHECKING:
    from tests.journeys.company import Company

Made = tuple[str, int]
YEAR = "2025-01-01..2025-12-31"


def evaluation(company: Company, by: str) -> Made:
    """A sealed run of a small scheme, over a customer who bought."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        customer = company.customer(company.owner("account_manager"), Lifecycle.active)
        shop.order(customer, "2025-03-01T10:00", 900)
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        with access.acting(company.principal(by)):
            run_id = runs.start("SHOP", pin(YEAR))
            runs.compute(run_id)
    return "eval_run", run_id


def appeal(company: Company, by: str) -> Made:
    """An appeal against a published grade of a customer of this person, written by him."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        customer = company.customer(by, Lifecycle.active)
        shop.order(customer, "2025-03-01T10:00", 900)
        with transaction():
            packing.keep("SHOP", shop.scheme(), published=True)
        run_id = runs.start("SHOP", pin(YEAR))
        runs.compute(run_id)
        with transaction():
            publishing.effect(run_id, company_time.today())
        written = {
            "raised_on": company_time.today().isoformat(),
            "raised_by": "钱掌柜",
            "grounds": "漏计订单",
        }
        with access.acting(company.principal(by)), transaction():
            about = {"run_id": str(run_id), "customer_id": str(customer)}
            return "eval_appeal", int(records.create(EvalAppeal, about | written).id)


def scheme(company: Company, by: str) -> Made:
    """A draft of a scheme, written by this person."""
    with company.app.app_context(), access.acting(access.SYSTEM), transaction():
        version_id = packing.keep("SHOP", shop.scheme() | {"en": "Shops anew"}, published=False)
        db.session.get_one(EvalSchemeVersion, version_id).author_id = company.employee(by).id
    return "eval_scheme_version", version_id


def flow(company: Company, by: str) -> Made:
    """A draft of a flow that is in force, taken up by this person."""
    with company.app.app_context(), access.acting(company.principal(by)), transaction():
        in_force = sa.select(ApprovalFlowVersion).join(ApprovalFlow)
        in_force = in_force.where(
            ApprovalFlow.code == "visit_plan", ApprovalFlowVersion.status == FlowStatus.published
        )
        draft = designing.take_up(db.session.scalars(in_force).one())
        return "approval_flow_version", draft.id


def month(company: Company, by: str) -> Made:
    """The incentives of the month that has ended."""
    with company.app.app_context(), access.acting(company.principal(by)), transaction():
        return "incentive_month", incentives.calculate(later(month_of(company_time.today()), -1)).id


def export(company: Company, by: str) -> Made:
    """A list above the limit, asked for on the form, which submits it."""
    with company.app.app_context(), access.acting(access.SYSTEM):
        company.customer(by, Lifecycle.active)
        with transaction():
            limit = sa.select(Parameter).where(Parameter.key == exports.LIMIT)
            db.session.scalars(limit).one().value = "0"
    sent: dict[str, Any] = {"columns": "name", "reason": "核对地址"}
    answer = company.client(by).post("/export_request/new?resource=customer&form=csv", data=sent)
    assert answer.status_code == 303, answer.text[-500:]
    return "export_request", int(answer.headers["Location"].rpartition("/")[2])


MAKERS: dict[str, Callable[[Company, str], Made]] = {
    made.__name__: made for made in (evaluation, appeal, scheme, flow, month, export)
}
