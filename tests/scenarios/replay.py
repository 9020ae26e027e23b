"""Binds the vocabulary of the scenarios to the engine: the same functions the screens and the API call.

What the engine does not offer raises `NotOffered` with the name of the feature, and is reported by that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import delete, select

from app import workflows
from app.columns import now
from app.errors import NotAllowed, NotFound, Refusal, WrongState
from app.extensions import db, transaction
from app.models import (
    Account,
    ApprovalAct,
    ApprovalAction,
    ApprovalFlow,
    ApprovalFlowVersion,
    ApprovalRequest,
    ApprovalStep,
    Employee,
    FlowStatus,
    Notice,
    OrgUnit,
    RequestStatus,
    RoleGrant,
    UnitKind,
)
from app.roles import Act, Reach
from app.services import access
from app.workflows import machine, routing, subjects, timers
from app.workflows.flow import rehearsal
from app.workflows.guards import DECISIONS
from app.workflows.refusals import ApprovalRequired
from tests.scenarios.documents import ScenarioDocument, settle_facts

CODES = {
    "not_allowed": "NOT_ALLOWED",
    "wrong_state": "WRONG_STATE",
    "locked": "LOCKED",
    "approval_required": "APPROVAL_REQUIRED",
    "bad_definition": "BAD_DEFINITION",
    "bad_formula": "BAD_DEFINITION",
    "missing_fact": "BAD_DEFINITION",
    "comment_required": "COMMENT_REQUIRED",
    "not_found": "NOT_FOUND",
    "duplicate": "DUPLICATE",
    "condition": "CONDITION",
    "bad_input": "BAD_DEFINITION",
}
STATUS = {
    "draft": "draft",
    "in_approval": "in_progress",
    "returned": "returned",
    "approved": "approved",
    "rejected": "rejected",
    "withdrawn": "cancelled",
    "not_required": "not_required",
}
TASK = {
    "open": "pending",
    "active": "pending",
    "skipped": "cancelled",
    "returned": "rejected",
    "expired": "cancelled",
}

OPTIONS = frozenset(
    {"separation", "free_fields", "lock_after", "rearm_fields", "edit_by_approver", "notify", "self_confirm"}
    | {"on_reject", "start_by", "resubmit", "effect_on_approve", "editing"}
)
RELAXING = frozenset({"separation", "self_confirm", "bypass_same_approver"})
"""What lets somebody decide on his own request or two steps of one: no law of ours, so left out under it."""
NODE_KEYS = frozenset(
    {"id", "approvers", "when", "company", "remind_days", "exclude_requester", "comment", "mode", "threshold"}
    | {"weights", "approve_when", "active"}
)


NO_NODE = {"id": "none", "approvers": ["group:nobody"], "when": "1 > 2"}
"""What stands for a definition none of whose nodes is active: a step that never applies."""


class NotOffered(Exception):
    """The engine offers no such thing; `args[0]` names it."""


class Replay:
    """One scenario in one database."""

    def __init__(self, scenario: dict[str, Any], *, strict: bool = False) -> None:
        self.scenario = scenario
        self.definition = scenario["definition"]
        self.options = dict(self.definition.get("options") or {})
        if strict:
            self.options = {name: it for name, it in self.options.items() if name not in RELAXING}
        self.employees: dict[str, int] = {}
        self.users: dict[str, int] = {}
        self.roles: dict[str, int] = {}
        self.submitter = ""
        self.day = 0
        self.notices = 0
        self.reminded: list[str] = []
        self._check_offered()
        self._people()
        self._document()
        self._publish()

    # ---- setting the scene --------------------------------------------------------------------------------

    def _check_offered(self) -> None:
        """Options and node keys the engine does not have, by name."""
        for option, value in self.options.items():
            if option not in OPTIONS and value:
                raise NotOffered(option)
        if self.options.get("editing") not in {None, False, "locked", "free"}:
            raise NotOffered(f"editing: {self.options['editing']}")
        for node in self.definition["nodes"]:
            for key in node:
                if key not in NODE_KEYS:
                    raise NotOffered(key)
        for actor in (self.scenario.get("actors") or {}).values():
            if (actor or {}).get("mute"):
                raise NotOffered("mute")

    def _names(self) -> list[str]:
        """Everybody a scenario speaks of."""
        names = dict.fromkeys(self.scenario.get("actors") or {})
        for node in self.definition["nodes"]:
            names |= dict.fromkeys(who for who in node["approvers"] if ":" not in who)
            names |= dict.fromkeys(node.get("weights") or {})
        for step in self.scenario["steps"]:
            names |= dict.fromkeys(
                step[key] for key in ("by", "to", "user") if isinstance(step.get(key), str)
            )
            for key in ("todo", "can"):
                names |= dict.fromkeys(step.get("expect", {}).get(key, {}))
        for value in [*(self.scenario.get("document") or {}).values()]:
            if isinstance(value, str) and value.isidentifier():
                names[value] = None
        return list(names)

    def _people(self) -> None:
        with access.acting(access.SYSTEM), transaction():
            unit = OrgUnit(code="S", name_zh="公司", name_en="Company", kind=UnitKind.company)
            db.session.add(unit)
            db.session.flush()
            unit.path = f"/{unit.id}/"
            for name in self._names():
                self._person(name, unit.id)

    def _person(self, name: str, unit_id: int) -> None:
        actor = (self.scenario.get("actors") or {}).get(name) or {}
        groups = [self._role(f"group_{group}") for group in actor.get("groups", [])]
        own = self._role(f"own_{name}")
        acts = [Act.read, Act.edit, Act.create, Act.submit, Act.delete]
        db.session.add_all(
            RoleGrant(role_id=own.id, resource="scenario_document", act=act, reach=Reach.all) for act in acts
        )
        if actor.get("admin"):
            db.session.add(
                RoleGrant(role_id=own.id, resource="approval_request", act=Act.administer, reach=Reach.all)
            )
        employee = Employee(no=name, name=name, org_unit_id=unit_id)
        user = User(
            first_name=name,
            last_name=name,
            username=name,
            email=f"{name}@example.invalid",
            active=actor.get("active", True),
            roles=[own, *groups],
        )
        db.session.add_all([employee, user])
        db.session.flush()
        db.session.add(Account(user_id=user.id, employee_id=employee.id))
        self.employees[name], self.users[name] = employee.id, user.id

    def _role(self, name: str) -> Role:
        role = db.session.scalar(select(Role).where(Role.name == name))
        if role is None:
            role = Role(name=name)
            db.session.add(role)
            db.session.flush()
        self.roles[name] = role.id
        return role

    def _document(self) -> None:
        content = dict(self.scenario.get("document") or {})
        settle_facts([content, *(step.get("set", {}) for step in self.scenario["steps"])])
        with access.acting(access.SYSTEM), transaction():
            ScenarioDocument.metadata.create_all(db.session.connection())
        with access.acting(access.SYSTEM), transaction():
            document = ScenarioDocument(content=self._named(content))
            db.session.add(document)
            db.session.flush()
            self.document_id = document.id

    def _named(self, content: dict[str, Any]) -> dict[str, Any]:
        """A field that names a person or a group says so in the product's words, where a rule reads it."""
        fields = {
            who.removeprefix("field:")
            for node in self.definition["nodes"]
            for who in node["approvers"]
            if who.startswith("field:")
        }
        named = dict(content)
        for name in fields & set(content):
            value = content[name]
            if isinstance(value, str):
                group = value.removeprefix("group:")
                named[name] = f"role:group_{group}" if value.startswith("group:") else f"employee:{value}"
        return named

    def _publish(self) -> None:
        """The flow of the scenario as a published version. It is written as it stands: the engine itself must refuse it."""
        body = self.body()
        with access.acting(access.SYSTEM), transaction():
            flow = ApprovalFlow(
                code="scenario", name_zh="场景", name_en="Scenario", object_type="scenario_document"
            )
            db.session.add(flow)
            db.session.flush()
            db.session.add(
                ApprovalFlowVersion(
                    flow_id=flow.id,
                    edition=1,
                    status=FlowStatus.published,
                    body=body,
                    body_hash=subjects.digest(body),
                )
            )

    def body(self) -> dict[str, Any]:
        """The definition of the scenario as a flow of ours."""
        nodes = [node for node in self.definition["nodes"] if node.get("active", True)] or [NO_NODE]
        parallel = self.definition["flow"] == "parallel"
        steps = [self._parallel(nodes)] if parallel else [self._step(node) for node in nodes]
        fields = {*(self.scenario.get("document") or {})}.union(
            *(step.get("set", {}) for step in self.scenario["steps"])
        )
        is_free = self.options.get("editing") == "free"
        freeze: dict[str, Any] = {"free": sorted(fields) if is_free else self.options.get("free_fields", [])}
        if self.options.get("lock_after"):
            freeze["after"] = "locked"
        if self.options.get("rearm_fields"):
            freeze["rearm"] = {"fields": self.options["rearm_fields"], "move": "reopen"}
        return {
            "code": "scenario",
            "object_type": "scenario_document",
            "name": {"zh": "场景", "en": "Scenario"},
            "unneeded": "release",
            "separation": self.options.get("separation", "strict"),
            "on_reject": "return" if self.options.get("on_reject") == "returned" else "end",
            "resubmit": "resume" if self.options.get("resubmit") == "resume" else "restart",
            "submit": {"people": [{"employee": who} for who in self.options.get("start_by", [])]},
            "freeze": freeze,
            "steps": steps,
            "on_approved": [{"move": "approve"}]
            + ([{"move": "post"}] if self.options.get("effect_on_approve") else []),
        }

    def _step(self, node: dict[str, Any]) -> dict[str, Any]:
        step = {
            "key": _key(node["id"]),
            "name": _words(node["id"]),
            **self._seat(node),
            **self._asks(node),
        }
        if condition := self._condition(node):
            step["when"] = condition
        return step

    def _asks(self, node: dict[str, Any]) -> dict[str, Any]:
        """What a step asks of those who sit on it, and when it reminds them."""
        asked = self._comment(node)
        if node.get("approve_when"):
            asked["approve_when"] = self._expression(node["approve_when"])
        if node.get("remind_days"):
            asked["remind_every"] = f"{node['remind_days']}d"
        if self.options.get("edit_by_approver"):
            asked["fields"] = [*(self.scenario.get("document") or {})]
        return asked

    def _parallel(self, nodes: list[dict[str, Any]]) -> dict[str, Any]:
        """Rules that are open at the same time are seats of one step."""
        seats = []
        for node in nodes:
            seat = {"key": node["id"], "name": _words(node["id"]), **self._seat(node)}
            if condition := self._condition(node):
                seat["when"] = condition
            seats.append(seat)
        for name in ("comment", "approve_when", "remind_days"):
            if len({str(node.get(name)) for node in nodes}) > 1:
                raise NotOffered(f"{name} of one of several parallel rules")
        return {
            "key": "all",
            "name": _words("all"),
            "seats": seats,
            **self._asks(nodes[0] if nodes else {}),
        }

    def _seat(self, node: dict[str, Any]) -> dict[str, Any]:
        seat: dict[str, Any] = {"people": [self._rule(who) for who in node["approvers"]]}
        mode = node.get("mode", "any")
        if mode != "any":
            seat["mode"] = mode
        if mode == "ratio":
            seat["share"] = f"{float(node['threshold']) * 100:g} %"
            seat["rejected"] = "one"
        if mode == "weight":
            seat["need"], seat["weights"] = node["threshold"], node["weights"]
        return seat

    def _comment(self, node: dict[str, Any]) -> dict[str, Any]:
        return {"comment": ["approve", "reject"] if node.get("comment") == "required" else []}

    def _rule(self, who: str) -> dict[str, Any]:
        kind, _, name = who.partition(":")
        if kind == "field":
            return {"field": name}
        return {"role": f"group_{name}"} if kind == "group" else {"employee": who}

    def _condition(self, node: dict[str, Any]) -> str | None:
        parts = [self._expression(node["when"])] if node.get("when") else []
        if node.get("company"):
            parts.append(f'company = "{node["company"]}"')
        return " and ".join(parts) or None

    def _expression(self, text: str) -> str:
        """Python's way of writing a condition in the product's: bare numbers of a document carry a unit."""
        return re.sub(r"(?<![\w.\"'])(\d+(?:\.\d+)?)(?![\w.\"'%])", r"\1 units", str(text))

    # ---- acting -------------------------------------------------------------------------------------------

    @contextmanager
    def as_(self, person: str | None) -> Iterator[access.Principal]:
        if person is None:
            with access.acting(access.SYSTEM) as system:
                yield system
            return
        with access.acting(access.SYSTEM):
            who = access.principal_of(self.users[person]) or access.Principal(None, self.employees[person])
        with access.acting(who):
            yield who

    def step(self, step: dict[str, Any]) -> str | None:
        """Carry out one step; the code of the refusal, if it was refused."""
        given = {name: value for name, value in step.items() if name not in {"do", "expect"}}
        operation = getattr(self, f"do_{step['do']}", None)
        if operation is None:
            raise NotOffered(step["do"])
        db.session.remove()
        with access.acting(access.SYSTEM):
            self.notices = db.session.query(Notice).count()
        try:
            with rehearsal():
                operation(**given)
        except Refusal as refusal:
            return CODES.get(refusal.code, refusal.code)
        return None

    def document(self) -> ScenarioDocument:
        return db.session.get_one(
            ScenarioDocument, self.document_id, execution_options={"with_deleted": True}
        )

    def request(self) -> ApprovalRequest | None:
        """The request that counts for the document now; none for a draft."""
        document = self.document()
        if document.status.value in {"draft", "not_required"}:
            return None
        return workflows.latest_request(document)

    def _act(self, by: str, verb: str, task: Any = None, **given: Any) -> None:
        if task == "missing":
            given["request_id"] = 0
        with self.as_(by), transaction():
            request = self.request()
            if request is not None and verb in DECISIONS and self._is_withdrawn(request):
                request = None
            wanted = given.pop("request_id", request.id if request else 0)
            if request is None and wanted == 0 and task != "missing":
                nothing = subjects.say(zh="没有申请。", en="There is no request.")
                is_over = verb in {"cancel", "take_back"} or (verb == "withdraw" and by == self.submitter)
                raise WrongState(nothing) if is_over else NotAllowed(nothing)
            if self.document().deleted_at is not None:
                raise NotFound(subjects.say(zh="记录已删除。", en="The record is gone."))
            workflows.act(wanted, verb, **given)

    def do_check(self, by: str | None = None) -> None:
        """Nothing is done."""

    def do_submit(self, by: str) -> None:
        """What has ended is drafted anew and submitted as another request."""
        with self.as_(by), transaction():
            document = self.document()
            if document.status.value in {"approved", "rejected", "withdrawn", "not_required"}:
                workflows.move(document, "reopen")
            workflows.submit(document)
        self.submitter = by

    def do_approve(self, by: str, task: Any = None, comment: str | None = None) -> None:
        self._act(by, "approve", task, comment=comment)

    def do_reject(self, by: str, task: Any = None, comment: str | None = None) -> None:
        self._act(by, "reject", task, comment=comment)

    def do_return(self, by: str, task: Any = None, comment: str | None = None) -> None:
        self._act(by, "send_back", task, comment=comment)

    def do_withdraw(self, by: str) -> None:
        self._act(by, "withdraw")

    def do_cancel(self, by: str) -> None:
        self._act(by, "cancel")

    def do_reclaim(self, by: str) -> None:
        self._act(by, "take_back")

    def do_transfer(self, by: str, to: str, comment: str | None = None) -> None:
        self._act(by, "transfer", to=self.employees[to], comment=comment)

    def do_reset(self, by: str) -> None:
        with self.as_(by), transaction():
            workflows.move(self.document(), "reopen")

    do_cancel_document = do_reset

    def do_confirm(self, by: str) -> None:
        """The business act: possible once it is approved, or where no step of the flow asks for the record."""
        with self.as_(by), transaction():
            document = self.document()
            if document.status.value == "draft":
                self._release(document)
            if not machine.can_move(document, "post"):
                raise ApprovalRequired(subjects.say(zh="须先经审批。", en="It needs approval first."))
            workflows.move(document, "post_released" if document.status.value == "not_required" else "post")

    def _release(self, document: ScenarioDocument) -> None:
        if workflows.path_of(document):
            if self.options.get("self_confirm") and self.options.get("separation") == "relaxed":
                raise NotOffered("self_confirm")
            raise ApprovalRequired(subjects.say(zh="须先经审批。", en="It needs approval first."))
        workflows.submit(document)

    def do_edit(self, by: str, set: dict[str, Any]) -> None:
        with self.as_(by), transaction():
            document = self.document()
            names = frozenset(set)
            workflows.check_editable(document, names)
            with access.by_rule():  # its fields are one column to the listener that guards columns
                document.content = {**document.content, **set}
                workflows.rearm(document, names)
                db.session.flush()

    def do_delete_document(self, by: str) -> None:
        with self.as_(by), transaction():
            self.document().deleted_at = now()

    def do_revoke_read(self, user: str, by: str | None = None) -> None:
        with access.acting(access.SYSTEM), transaction():
            db.session.execute(
                delete(RoleGrant).where(
                    RoleGrant.role_id == self.roles[f"own_{user}"], RoleGrant.act == Act.read
                )
            )

    def do_advance(self, days: int, by: str | None = None) -> None:
        self.day += days

    def do_run_reminders(self, by: str | None = None) -> None:
        self.reminded = []
        at = self._today()
        names = {id_: name for name, id_ in self.employees.items()}
        with access.acting(access.SYSTEM):
            for timer_id in timers.due(at):
                with transaction():
                    self.reminded += [names[id_] for id_ in timers.fire(timer_id, at)]

    def _today(self) -> datetime:
        return now() + timedelta(days=self.day, minutes=1)

    # ---- observing ----------------------------------------------------------------------------------------

    def observe(self, what: str, wanted: Any) -> Any:
        db.session.remove()
        with rehearsal(), access.acting(access.SYSTEM):
            return getattr(self, f"see_{what}")(wanted)

    def see_status(self, _wanted: Any) -> str:
        return STATUS[self.document().status.value]

    def see_effect(self, _wanted: Any) -> bool:
        return self.document().posted

    def see_document(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {name: self.document().content.get(name) for name in wanted}

    def see_todo(self, wanted: dict[str, int]) -> dict[str, int]:
        found = {}
        for person in wanted:
            with self.as_(person):
                found[person] = workflows.count_inbox("todo")
        return found

    def see_can(self, wanted: dict[str, bool]) -> dict[str, bool]:
        found = {}
        for person in wanted:
            with self.as_(person):
                request = self.request()
                offers = workflows.acts_of(request) if request else []
                found[person] = any(offer.act.value == "approve" for offer in offers)
        return found

    def _duties(self) -> list[tuple[str, str, str, Any]]:
        """Node, person and status of every duty of the present round, in the words of the vocabulary."""
        request = self.request()
        if request is None or self._is_withdrawn(request):
            return []
        found = []
        parallel = self.definition["flow"] == "parallel"
        last = {
            stage.key: stage
            for stage in workflows.course(request).stages
            if stage.round_no == request.round_no
        }
        stages = list(last.values())
        for stage in stages:
            if stage.status == "skipped":
                continue
            people = [*stage.people]
            for person in people:
                status = (
                    person.status.value if stage.status != "cancelled" or stage.opened_at else stage.status
                )
                found.append(
                    (person.seat if parallel else stage.key, person.name, TASK.get(status, status), person)
                )
            if not people:
                found.append((stage.key, "", stage.status, None))
        return found

    def see_tasks(self, wanted: dict[str, str]) -> dict[str, str]:
        found = {}
        duties = self._duties()
        never = self._never_reached()
        for node in wanted:
            states = {status for key, _who, status, _p in duties if key == _key(node) or key == node}
            states |= {"cancelled"} if _key(node) in never and not states else set()
            states -= {"transferred"} if len(states) > 1 else set()
            order = ("pending", "waiting", "rejected", "approved", "cancelled")
            found[node] = next((state for state in order if state in states), "absent")
        return found

    def _is_withdrawn(self, request: ApprovalRequest) -> bool:
        """Withdrawn, it lies with its submitter as if it had never been submitted."""
        return request.status is RequestStatus.returned and self._last_act(request) == "withdraw"

    def _last_act(self, request: ApprovalRequest) -> str:
        return workflows.course(request).entries[-1].act.value

    def _never_reached(self) -> set[str]:
        """The steps after the one that gave the document back: the vocabulary calls them cancelled."""
        request = self.request()
        if request is None or request.status is not RequestStatus.returned:
            return set()
        p = workflows.engine.proceeding(request)
        reached = [step for step, _seat, _task in p.places if step.round_no == request.round_no]
        after = routing.path(p.flow, p.holds, p.flow.step(reached[-1].node))
        return {step.key for step in after} if self._last_act(request) != "withdraw" else set()

    def see_task_of(self, wanted: dict[str, str]) -> dict[str, str | None]:
        found = {}
        for place in wanted:
            node, _, person = place.partition("/")
            states = [
                status
                for key, who, status, _p in self._duties()
                if key in {node, _key(node)} and who == person
            ]
            found[place] = states[-1] if states else None
        return found

    def see_done_by(self, wanted: dict[str, str]) -> dict[str, str | None]:
        return {node: self._decided(node, "name") for node in wanted}

    def see_comment_of(self, wanted: dict[str, str]) -> dict[str, str | None]:
        return {node: self._decided(node, "comment") for node in wanted}

    def _decided(self, node: str, what: str) -> Any:
        done = [p for key, _w, _s, p in self._duties() if key in {node, _key(node)} and p and p.decided_at]
        if not done:
            return None
        return done[0].acted_by or done[0].name if what == "name" else done[0].comment

    def _counted(self) -> list[str]:
        """Duties as the vocabulary counts them: people of whom one is enough are one duty."""
        modes = {node["id"]: node.get("mode", "any") for node in self.definition["nodes"]}
        groups: dict[Any, list[str]] = {}
        for place, (node, who, status, _person) in enumerate(self._duties()):
            one = modes.get(node, "any") == "any" and status != "transferred"
            groups.setdefault(node if one else (node, who, place), []).append(status)
        order = ("approved", "rejected", "pending", "waiting", "cancelled", "transferred")
        return [next(state for state in order if state in states) for states in groups.values()]

    def see_counts(self, wanted: dict[str, int]) -> dict[str, int]:
        return {state: self._counted().count(state) for state in wanted}

    def see_counts_total(self, _wanted: Any) -> int:
        return len(self._counted())

    def see_open_tasks(self, _wanted: Any) -> int:
        return sum(state in {"pending", "waiting"} for state in self._counted())

    def see_requested_by(self, _wanted: Any) -> str | None:
        request = self.request()
        return request.submitter.name if request else None

    def _fresh(self) -> list[Notice]:
        return list(db.session.scalars(select(Notice).order_by(Notice.id).offset(self.notices)))

    def see_notified(self, _wanted: Any) -> list[str]:
        names = {id_: name for name, id_ in self.employees.items()}
        alive = {RequestStatus.running}
        found = []
        for notice in self._fresh():
            request = db.session.get_one(ApprovalRequest, notice.object_id)
            if request.status in alive or names[notice.recipient_id] != request.submitter.name:
                found.append(names[notice.recipient_id])
        return found

    def see_notice_from(self, _wanted: Any) -> str | None:
        fresh = self._fresh()
        return db.session.get_one(ApprovalRequest, fresh[-1].object_id).submitter.name if fresh else None

    def see_reminded(self, _wanted: Any) -> list[str]:
        return self.reminded

    def see_instances(self, _wanted: Any) -> int:
        rows = db.session.scalars(
            select(ApprovalRequest.round_no).where(ApprovalRequest.object_id == self.document_id)
        )
        return sum(rows) or 1

    def see_previous_status(self, _wanted: Any) -> Any:
        found: list[str] = []
        for request in db.session.scalars(
            select(ApprovalRequest)
            .where(ApprovalRequest.object_id == self.document_id)
            .order_by(ApprovalRequest.id)
        ):
            found += ["cancelled"] * (request.round_no - 1) + [request.status.value]
        return found[-2] if found[1:] else None


def _key(word: str) -> str:
    """A node's name as the key of a step."""
    return re.sub(r"\W", "_", str(word).lower())


def _words(word: str) -> dict[str, str]:
    return {"zh": str(word), "en": str(word)}


def broken_law(run: Replay) -> list[str]:
    """Who decided on his own request, or two steps of one."""
    with access.acting(access.SYSTEM):
        acts = db.session.execute(
            select(
                ApprovalAction.actor_id,
                ApprovalRequest.submitter_id,
                ApprovalStep.node,
                ApprovalStep.request_id,
            )
            .join(ApprovalRequest, ApprovalRequest.id == ApprovalAction.request_id)
            .join(ApprovalStep, ApprovalStep.id == ApprovalAction.step_id)
            .where(ApprovalAction.act.in_([ApprovalAct.approve, ApprovalAct.reject]))
        ).all()
    wrong = [f"broken law: {actor} decided on his own request" for actor, by, _n, _r in acts if actor == by]
    steps: dict[Any, set[str]] = {}
    for actor, _by, node, request in acts:
        steps.setdefault((actor, request), set()).add(node)
    wrong += [f"broken law: {who} decided {nodes}" for who, nodes in steps.items() if len(nodes) > 1]
    return wrong


def replay(scenario: dict[str, Any], *, strict: bool = False) -> list[str]:
    """What went otherwise than the scenario expects; empty when all holds. `strict` replays a relaxed one by the law."""
    with rehearsal():
        run = Replay(scenario, strict=strict)
    wrong = []
    for number, step in enumerate(scenario["steps"], 1):
        expected = dict(step.get("expect", {}))
        refused = run.step(step)
        if refused != expected.pop("error", None):
            wrong.append(f"step {number} {step['do']}: refused={refused}, expected {step.get('expect', {})}")
        for what, value in expected.items():
            if not hasattr(run, f"see_{what}"):
                raise NotOffered(what)
            seen = run.observe(what, value)
            if seen != value:
                wrong.append(f"step {number} {step['do']}: {what} is {seen}, expected {value}")
    return wrong + (broken_law(run) if strict else [])
