"""A company at which every flow of every pack runs, its people signed in, and the records the flows are about.

What a flow needs is written in `flows.yaml`; a new flow of a pack has an entry there and no code.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app import workflows
from app.extensions import company as company_time, db, transaction
from app.models import (
    Account,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalStep,
    ApprovalTask,
    ClassificationScheme,
    ClassificationValue,
    Contract,
    ContractStatus,
    Customer,
    CustomerClassification,
    DutyStatus,
    Employee,
    FlowStatus,
    Lifecycle,
    Lookup,
    Need,
    NeedStatus,
    OrgUnit,
    PolicyDocument,
    PolicyStatus,
    RequestStatus,
    StepStatus,
    Visit,
    VisitKind,
)
from app.services import access, accounts, attachments, packs
from app.services.demo import staff
from app.services.demo.scene import SCALES, Scene
from app.services.fields import Kind, field_named
from app.services.records import model_named
from app.workflows import machine
from app.workflows.flow import Flow, Step, compiled
from app.workflows.subjects import value_of
from tests.journeys.makers import MAKERS
from tests.world import HASH

DECLARED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "flows.yaml").read_text(encoding="utf-8"))
PDF = b"%PDF-1.4\n% a plainly invented document\n"
SAID = "已核实，同意。"


@dataclass
class Running:
    """A record on its way: its flow, its request, and who submitted it."""

    flow: str
    resource: str
    record_id: int
    request_id: int
    by: str


@dataclass
class Company:
    """The demo company with all packs and no customers but those the tests make."""

    app: Any
    clients: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Flow] = field(default_factory=dict)

    @staticmethod
    def build() -> None:
        with access.acting(access.SYSTEM), transaction():
            for name in packs.shipped():
                packs.load(name)
            scene = Scene(SCALES["small"], company_time.today(), Random(1), {})
            staff.hire(scene, HASH)
        db.session.remove()

    def flows(self) -> dict[str, Flow]:
        """The published flows of all packs, by code."""
        found = self.versions()
        return {code: compiled(version.body, version.body_hash) for code, version in found.items()}

    def versions(self) -> dict[str, ApprovalFlowVersion]:
        with access.acting(access.SYSTEM):
            rows = db.session.execute(
                select(ApprovalFlow.code, ApprovalFlowVersion)
                .join(ApprovalFlow, ApprovalFlow.id == ApprovalFlowVersion.flow_id)
                .where(ApprovalFlowVersion.status == FlowStatus.published)
            )
            return {code: version for code, version in rows}  # noqa: C416 (rows are no pairs to the type checker)

    # ---- people ----

    def owner(self, role: str) -> str:
        """The first person with this role."""
        return next(person.username for person in staff.PEOPLE if person.role == role)

    def user(self, username: str) -> User:
        return db.session.scalars(select(User).where(User.username == username)).one()

    def employee(self, username: str) -> Employee:
        return db.session.scalars(
            select(Employee)
            .join(Account, Account.employee_id == Employee.id)
            .join(User, User.id == Account.user_id)
            .where(User.username == username)
        ).one()

    def principal(self, username: str) -> access.Principal:
        with access.acting(access.SYSTEM):
            found = access.principal_of(self.user(username).id)
        assert found is not None
        return found

    def client(self, username: str) -> Any:
        """A browser this person is signed in with."""
        if username not in self.clients:
            with self.app.app_context(), access.acting(access.SYSTEM), transaction():
                word = accounts._open_session(self.user(username).id, "tests")
            client = self.app.test_client()
            with client.session_transaction() as session:
                session["word"] = word
            self.clients[username] = client
        return self.clients[username]

    def username_of(self, employee_id: int) -> str:
        statement = select(User.username).join(Account, Account.user_id == User.id)
        return str(db.session.scalars(statement.where(Account.employee_id == employee_id)).first())

    # ---- records ----

    def make(self, code: str, by: str) -> tuple[str, int]:
        """The record of a flow, typed into its form by this person or made as `made` says: resource and id."""
        wanted = DECLARED[code]
        if "made" in wanted:
            return MAKERS[wanted["made"]](self, by)
        record_id = self.type_in(by, wanted["resource"], wanted["record"])
        for line in wanted.get("lines", ()):
            values = {name: text for name, text in line.items() if name not in {"resource", "whole"}}
            self.type_in(by, line["resource"], {line["whole"]: str(record_id), **values})
        for document in self.flow(code).documents:
            self.attach(by, wanted["resource"], record_id, document.type)
        return wanted["resource"], record_id

    def flow(self, code: str) -> Flow:
        if code not in self.known:
            with self.app.app_context():
                self.known |= self.flows()
        return self.known[code]

    def type_in(self, by: str, resource: str, written: Mapping[str, Any]) -> int:
        with self.app.app_context(), access.acting(access.SYSTEM):
            found: dict[str, Any] = {}
            sent = {name: self.value(str(text), by, found) for name, text in written.items()}
            model = model_named(resource)
        marks = {f"_has_{name}": "1" for name in sent if _kind(model, name) is Kind.flag}
        answer = self.client(by).post(f"/{resource}/add", data={**sent, **marks})
        assert answer.status_code == 302, _complaints(answer.text)
        return int(answer.headers["Location"].rpartition("/")[2])

    def value(self, text: str, by: str, found: dict[str, Any]) -> str:
        """What a word of `flows.yaml` stands for; each new one is made for the submitter."""
        if not text.startswith("$"):
            return text
        word, _, rest = text[1:].partition(":")
        if word == "lookup":
            category, _, code = rest.partition(":")
            statement = select(Lookup.id).where(Lookup.category == category, Lookup.code == code)
            return str(db.session.scalars(statement).one())
        if word in {"today", "later"}:
            day = company_time.today() + timedelta(days=89 * (word == "later"))
            return day.isoformat()
        if word in {"me", "seller"}:
            return str(self.employee(by if word == "me" else self.owner("seller")).id)
        if word in {"prospect", "active", "any"}:
            if "customer" not in found:
                state = Lifecycle.prospect if word == "prospect" else Lifecycle.active
                found["customer"] = self.customer(
                    self.owner("account_manager") if word == "any" else by, state
                )
            return str(found["customer"])
        return str(getattr(self, f"_{word}")(by, found))

    def customer(self, owner: str, status: Lifecycle) -> int:
        number = db.session.query(Customer).count() + 1
        return self._adopt(
            Customer(
                name=f"云川示例种业{number}号",
                code=None if status is Lifecycle.prospect else f"T{number:04d}",
                status=status,
                **self._owned(owner),
            )
        )

    def _owned(self, owner: str) -> dict[str, Any]:
        employee = self.employee(owner)
        return {"owner_id": employee.id, "org_unit_id": employee.org_unit_id}

    def _adopt(self, row: Any) -> int:
        with access.acting(access.SYSTEM), transaction(), workflows.adopting([type(row)], "tests"):
            db.session.add(row)
            db.session.flush()
            return int(row.id)

    def _contract(self, by: str, found: dict[str, Any]) -> int:
        customer = {"customer_id": found["customer"], "amount": 200_000, "title": "供应合同"}
        return self._adopt(Contract(status=ContractStatus.effective, **customer, **self._owned(by)))

    def _need(self, by: str, found: dict[str, Any]) -> int:
        need = {"no": "XQ0001", "title": "早熟品种", "function_req": "早熟", "customer_id": found["customer"]}
        return self._adopt(Need(status=NeedStatus.approved, **need, **self._owned(by)))

    def _policy(self, by: str, found: dict[str, Any]) -> int:
        found["policies"] = db.session.query(PolicyDocument).count() + 1
        policy = {"code": f"ZD-{found['policies']:03d}", "title": "客户管理制度"}
        today = company_time.today()
        row = PolicyDocument(
            status=PolicyStatus.effective, effective_on=today, edition=1, **policy, **self._owned(by)
        )
        return self._adopt(row)

    def attach(self, by: str, resource: str, record_id: int, kind: str) -> None:
        with self.app.app_context(), access.acting(access.SYSTEM), transaction():
            record = db.session.get_one(model_named(resource), record_id)
            attachments.attach(record, kind, f"{kind}.pdf", io.BytesIO(PDF), by_duty=True)
        assert by

    # ---- on the way ----

    def submit(self, code: str, by: str) -> Running:
        """Make the record, open its page, and submit it by the button there."""
        resource, record_id = self.make(code, by)
        told = self.hand_in(code, by, resource, record_id)
        with self.app.app_context():
            request = self.request_of(resource, record_id)
            assert request is not None, f"{code}: {_complaints(told)}"
            assert f"/approval/show/{request.id}" in told, f"{code}: its page does not show the request"
            return Running(code, resource, record_id, request.id, by)

    def hand_in(self, code: str, by: str, resource: str, record_id: int) -> str:
        """Press the button on the record's page that submits it, unless it was submitted by being made; the page then."""
        wanted = DECLARED[code]
        show = wanted.get("page", "/{resource}/show/{id}").format(resource=resource, id=record_id)
        where = wanted.get("button", "/approval/submit/{resource}/{id}").format(
            resource=resource, id=record_id
        )
        if "first" in wanted:
            self.client(by).post(wanted["first"].format(id=record_id))
        page: str = self.client(by).get(show).text
        with self.app.app_context():
            request = self.request_of(resource, record_id)
            if request is not None and request.status is RequestStatus.running:
                return page
        assert where in page, f"{code}: no button to submit"
        sent = {"seen": self.seen_in(page), "noted": "1"}
        answer: str = self.client(by).post(where, data=sent, follow_redirects=True).text
        return answer

    @staticmethod
    def seen_in(page: str) -> str:
        """What a page says it showed, for forms that are refused when it has changed."""
        seen = re.search(r'name="seen" value="([^"]*)"', page)
        return seen[1] if seen else ""

    def status(self, resource: str, record_id: int) -> str:
        with self.app.app_context(), access.acting(access.SYSTEM):
            return str(db.session.get_one(model_named(resource), record_id).status.value)

    def request_of(self, resource: str, record_id: int) -> ApprovalRequest | None:
        with access.acting(access.SYSTEM):
            statement = select(ApprovalRequest).where(
                ApprovalRequest.object_type == model_named(resource).__tablename__,
                ApprovalRequest.object_id == record_id,
            )
            return db.session.scalars(statement.order_by(ApprovalRequest.id.desc())).first()

    def turn(self, request_id: int) -> tuple[str, str] | None:
        """The open step, and who has it before him; None when the request is at its end."""
        with self.app.app_context(), access.acting(access.SYSTEM):
            if db.session.get_one(ApprovalRequest, request_id).status is not RequestStatus.running:
                return None
            found = db.session.execute(
                select(ApprovalStep.node, ApprovalTask.assignee_id)
                .join(ApprovalTask, ApprovalTask.step_id == ApprovalStep.id)
                .where(
                    ApprovalStep.request_id == request_id,
                    ApprovalStep.status == StepStatus.active,
                    ApprovalTask.status == DutyStatus.open,
                )
                .order_by(ApprovalTask.id)
            ).first()
            assert found is not None
            return found.node, self.username_of(found.assignee_id)

    def approve(self, run: Running, step_key: str, who: str) -> Any:
        """Decide as this person, on the page of the request, with what the step asks for."""
        step = self.flow(run.flow).step(step_key)
        fields = self.filled(run, step)
        if step_key in DECLARED[run.flow].get("before", {}):
            fields |= getattr(self, DECLARED[run.flow]["before"][step_key])(run, who)
        for document in step.evidence:
            if document.record is None:
                self.attach(who, run.resource, run.record_id, document.type)
        sent = {f"field.{path}": text for path, text in fields.items()} | {"comment": SAID}
        return self.client(who).post(f"/approval/{run.request_id}/approve", data=sent)

    def filled(self, run: Running, step: Step) -> dict[str, str]:
        """What is typed into the form of a step: yes, today, a sentence."""
        with self.app.app_context(), access.acting(access.SYSTEM):
            record = db.session.get_one(model_named(run.resource), run.record_id)
            found = {}
            for path in step.fields:
                *relations, name = path.split(".")
                holder = value_of(record, ".".join(relations)) if relations else record
                kind = _kind(type(holder), name)
                text = {Kind.flag: "1", Kind.date: company_time.today().isoformat(), Kind.long: SAID}.get(
                    kind
                )
                if text and name != "inspection_wanted":
                    found[path] = text
            return found

    def until_a_decision(self, run: Running) -> tuple[str, str]:
        """Have the departments take note until somebody must decide: the step, and who has it before him."""
        while (turn := self.turn(run.request_id)) is not None:
            step, who = turn
            if self.flow(run.flow).step(step).decides:
                return step, who
            self.approve(run, step, who)
        raise AssertionError(f"{run.flow} decides nothing")

    def finish(self, run: Running) -> list[str]:
        """Have everybody agree until the end: the steps on the way."""
        steps = []
        while (turn := self.turn(run.request_id)) is not None:
            step, who = turn
            answer = self.approve(run, step, who)
            after = self.turn(run.request_id)
            assert after != turn, f"{run.flow}: {step} by {who}: {_complaints(answer.text)}"
            steps.append(step)
        return steps

    def outcome(self, run: Running) -> tuple[str, dict[str, Any]]:
        """The status at the end, and what stands at the paths the entry names."""
        with self.app.app_context(), access.acting(access.SYSTEM):
            record = db.session.get_one(model_named(run.resource), run.record_id)
            wanted = DECLARED[run.flow].get("brings", {})
            return record.status.value, {path: self._at(record, path) for path in wanted}

    def _at(self, record: Any, path: str) -> Any:
        if path == "planned visits":
            return db.session.scalars(select(Visit.purpose).order_by(Visit.id.desc())).first()
        for part in path.removesuffix(" classes").split("."):
            record = record[int(part)] if part.isdigit() else getattr(record, part)
        if path.endswith(" classes"):
            return self._classes(record.id)
        return record.value if hasattr(record, "words") else record

    def _classes(self, customer_id: int) -> str:
        rows = db.session.execute(
            select(ClassificationScheme.code, ClassificationValue.code)
            .join(CustomerClassification, CustomerClassification.scheme_id == ClassificationScheme.id)
            .join(ClassificationValue, ClassificationValue.id == CustomerClassification.value_id)
            .where(
                CustomerClassification.customer_id == customer_id, CustomerClassification.valid_to.is_(None)
            )
        )
        return ", ".join(f"{scheme}: {value}" for scheme, value in rows)

    # ---- what must happen before a step (`before` in flows.yaml) ----

    def inspect(self, run: Running, who: str) -> dict[str, str]:
        """The inspector goes there and writes down what he saw."""
        with self.app.app_context(), access.acting(access.SYSTEM), transaction():
            record = db.session.get_one(model_named(run.resource), run.record_id)
            visit = Visit(
                customer_id=record.customer_id,
                kind=VisitKind.field_inspection,
                planned_on=company_time.today(),
                content="库房与样品",
                conclusion="符合条件",
                **self._owned(who),
            )
            db.session.add(visit)
            db.session.flush()
            machine.move(visit, "hold")
            return {"field_visit_id": str(visit.id)}

    def sign_the_pair(self, run: Running, _who: str) -> dict[str, str]:
        """Both contracts of a recognised customer are approved, with their lawyers, and signed on one day."""
        with self.app.app_context(), access.acting(access.SYSTEM), transaction():
            pair = list(db.session.scalars(select(Contract).where(Contract.admission_id == run.record_id)))
            for contract in pair:
                contract.amount, contract.terms = 100_000, "按约供货"
            ids = [contract.id for contract in pair]
        for contract_id in ids:
            self.client(run.by).post(f"/approval/submit/contract/{contract_id}")
            with self.app.app_context():
                request = self.request_of("contract", contract_id)
                assert request is not None
                found = Running("contract_approval", "contract", contract_id, request.id, run.by)
            self.finish(found)
            with self.app.app_context(), access.acting(access.SYSTEM), transaction():
                contract = db.session.get_one(Contract, contract_id)
                contract.sign_on = contract.effective_on = company_time.today()
                db.session.flush()
                machine.move(contract, "take_effect")
        return {}

    # ---- making somebody the one who decides ----

    def empower(self, username: str, step: Step) -> None:
        """Give a person what would let him decide at a step: its roles, the headship of his department."""
        with self.app.app_context(), access.acting(access.SYSTEM), transaction():
            user, employee = self.user(username), self.employee(username)
            for rule in [rule for seat in step.seats for rule in seat.people]:
                if "role" in rule:
                    role = db.session.scalars(select(Role).where(Role.name == rule["role"])).one()
                    if role not in user.roles:
                        user.roles.append(role)
                if "head" in rule:
                    unit = db.session.get_one(OrgUnit, employee.org_unit_id)
                    while unit.kind.value == "team":
                        unit = db.session.get_one(OrgUnit, unit.parent_id)
                    unit.head_id = employee.id


def _kind(model: type[Any], name: str) -> Kind | None:
    found = field_named(model, name)
    return found.kind if found else None


def _complaints(html: str) -> str:
    """What a page complains of, for the message of a failing test."""
    told = re.findall(r'<span class="pre">([^<]*)</span>|<a href="#f-[^"]*">([^<]+)<', html)
    return " | ".join("".join(part).strip() for part in told) or re.sub(r"<[^>]*>|\s+", " ", html)[-500:]
