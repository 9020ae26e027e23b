"""Whatever people do, in whatever order, the laws of `app.workflows.invariants` hold, and refusals change nothing.

A random company of acts (submit, decide, hand on, take back, withdraw, edit, stand in, publish anew) is played against
the real engine; what the engine offers as buttons is compared with what it accepts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, update

from app.columns import now
from app.errors import Refusal
from app.extensions import db, transaction
from app.models import ApprovalAction, ApprovalRequest, ApprovalStandin, ApprovalTask, AuditLog, Contract
from app.services import access
from app.workflows.invariants import breaches

PEOPLE = ("ann", "bob", "lea", "hana", "leo", "ina", "fay")
VERBS = ("approve", "approve", "approve", "reject", "send_back", "withdraw", "cancel", "take_back", "remind")
STEPS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        st.sampled_from(["any", "all", "sequential", "n_of_m"]),
        st.sampled_from([None, "amount > 100元"]),
    ),
    min_size=1,
    max_size=3,
)


class Company(RuleBasedStateMachine):
    """People who do whatever comes to their minds."""

    stage: Any

    def __init__(self) -> None:
        super().__init__()
        self.contracts: list[int] = []
        self.keys: list[tuple[str, int, str, str]] = []

    @initialize(steps=STEPS)
    def begin(self, steps: Any) -> None:
        db.session.remove()
        self._publish(steps)
        self.contracts = [
            self.stage.contract(owner, amount=amount) for owner, amount in [("ann", 50), ("hana", 500)]
        ]

    def _publish(self, steps: Any) -> None:
        body = {
            "code": "contract_test",
            "object_type": "contract",
            "name": {"zh": "流", "en": "flow"},
            "freeze": {"free": ["terms"]},
            "unneeded": "refuse",
            "steps": [self._step(number, *step) for number, step in enumerate(steps)],
        }
        self.stage.publish(body)

    def _step(self, number: int, who: list[str], mode: str, when: str | None) -> dict[str, Any]:
        step: dict[str, Any] = {"key": f"s{number}", "name": {"zh": "步", "en": "step"}, "mode": mode}
        step["people"] = [{"employee": self.stage.number(person)} for person in who]
        step["return_to"] = ["submitter"] + [f"s{place}" for place in range(number)]
        return step | ({"need": 1} if mode == "n_of_m" else {}) | ({"when": when} if when else {})

    def _requests(self) -> list[int]:
        with access.acting(access.SYSTEM):
            return list(
                db.session.scalars(
                    select(ApprovalRequest.id).where(ApprovalRequest.object_id.in_(self.contracts))
                )
            )

    def _try(self, deed: Any) -> bool:
        """Carry something out; when it is refused, nothing at all may have changed."""
        db.session.remove()
        before = self._digest()
        try:
            deed()
        except Refusal:
            db.session.remove()
            assert self._digest() == before, "a refusal left something behind"
            return False
        return True

    def _digest(self) -> tuple[Any, ...]:
        with access.acting(access.SYSTEM):
            counts = [
                db.session.scalar(select(func.count(model.id)))
                for model in (ApprovalAction, ApprovalTask, AuditLog)
            ]
            states = db.session.execute(
                select(ApprovalRequest.id, ApprovalRequest.status, ApprovalRequest.version_no).order_by(
                    ApprovalRequest.id
                )
            ).all()
        db.session.remove()
        return (*counts, *states)

    @rule(which=st.integers(0, 1), person=st.sampled_from(PEOPLE))
    def submit(self, which: int, person: str) -> None:
        self._try(lambda: self.stage.submit(person, self.contracts[which]))

    @rule(
        person=st.sampled_from(PEOPLE),
        verb=st.sampled_from(VERBS),
        which=st.integers(0, 5),
        back_to=st.sampled_from(["submitter", "s0", "s1"]),
    )
    def act(self, person: str, verb: str, which: int, back_to: str) -> None:
        requests = self._requests()
        if not requests:
            return
        request = requests[which % len(requests)]
        offered = verb in self._offered(person, request)
        key = f"{len(self.keys)}-{request}-{id(self)}"
        done = self._try(
            lambda: self.stage.act(person, request, verb, comment="so be it", target=back_to, idem_key=key)
        )
        assert done <= offered, f"{verb} was accepted and not offered"
        if done:
            self.keys.append((person, request, verb, back_to, key))
        elif offered:
            assert verb in {"send_back", "approve"}, f"{verb} was offered and refused"

    def _offered(self, person: str, request: int) -> set[str]:
        db.session.remove()
        return self.stage.acts(person, request)

    @rule(
        person=st.sampled_from(PEOPLE),
        to=st.sampled_from(PEOPLE),
        verb=st.sampled_from(["transfer", "add_signer", "copy"]),
        place=st.sampled_from(["before", "parallel", "after"]),
        which=st.integers(0, 5),
    )
    def hand_on(self, person: str, to: str, verb: str, place: str, which: int) -> None:
        requests = self._requests()
        if requests:
            request = requests[which % len(requests)]
            employee = self.stage.employee(to)
            self._try(lambda: self.stage.act(person, request, verb, to=employee, place=place))

    @rule(which=st.integers(0, 50))
    def repeat(self, which: int) -> None:
        """An old click sent again does nothing and says the same."""
        if not self.keys:
            return
        person, request, verb, back_to, key = self.keys[which % len(self.keys)]
        before = self._digest()
        result = self.stage.act(person, request, verb, comment="so be it", target=back_to, idem_key=key)
        assert result.replayed
        assert self._digest() == before

    @rule(which=st.integers(0, 1), name=st.sampled_from(["terms", "title"]), text=st.sampled_from(["x", "y"]))
    def edit(self, which: int, name: str, text: str) -> None:
        def deed() -> None:
            with self.stage.as_("hana"), transaction():
                setattr(db.session.get_one(Contract, self.contracts[which]), name, text)

        self._try(deed)

    @rule(principal=st.sampled_from(PEOPLE), standin=st.sampled_from(PEOPLE))
    def stand_in(self, principal: str, standin: str) -> None:
        if principal == standin:
            return
        with access.acting(access.SYSTEM), transaction():
            db.session.add(
                ApprovalStandin(
                    principal_id=self.stage.employee(principal),
                    standin_id=self.stage.employee(standin),
                    starts_at=now() - timedelta(days=1),
                    ends_at=now() + timedelta(days=1),
                )
            )

    @rule(steps=STEPS)
    def publish_anew(self, steps: Any) -> None:
        self._publish(steps)

    @invariant()
    def the_laws_hold(self) -> None:
        db.session.remove()
        assert breaches() == []

    @invariant()
    def the_inbox_is_what_the_engine_accepts(self) -> None:
        """A running request lies in somebody's to-do exactly when the engine would take his decision, or refuse it by law."""
        for request in self._requests():
            for person in PEOPLE:
                db.session.remove()
                if "approve" in self.stage.acts(person, request):
                    assert request in self.stage.todo(person)

    def teardown(self) -> None:
        db.session.remove()
        with access.acting(access.SYSTEM), transaction():
            db.session.execute(update(ApprovalStandin).values(revoked_at=now()))


def play(stage: Any, examples: int, steps: int) -> None:
    Company.stage = stage
    run_state_machine_as_test(
        Company,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        ),
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_laws_hold_whatever_people_do(stage):
    play(stage, examples=4, steps=20)


@pytest.mark.long
def test_the_laws_hold_for_a_long_time(stage):
    play(stage, examples=60, steps=40)


def test_a_broken_law_is_found(stage, flow):
    flow(["lea", "leo"])
    request = stage.submit("ann", stage.contract()).request_id
    assert breaches() == []
    with access.acting(access.SYSTEM), transaction():
        db.session.execute(update(ApprovalTask).values(status="approved", acted_by_id=stage.employee("ann")))
        db.session.execute(update(ApprovalRequest).values(status="approved", last_seq=9))
    found = {breach.law: breach.request_ids for breach in breaches()}
    assert {"I1", "I3", "I4", "I6"} <= set(found)
    assert set(found["I1"]) == {request}
