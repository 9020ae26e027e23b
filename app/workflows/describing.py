"""A flow in words: each step with who, how many, what is asked; and what differs between two versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import inspect, select

from app.errors import BadInput
from app.extensions import db
from app.models import ApprovalAct, Employee, Position, QuorumMode, RejectPolicy
from app.services import access, codes
from app.services.calendar import Span
from app.services.fields import field_named, labels_of
from app.services.language.catalogue import Catalogue
from app.services.language.kinds import read_number
from app.services.language.problems import BadFormula
from app.services.language.wording import value_words
from app.words import Words, say
from app.workflows import subjects
from app.workflows.conditions import catalogue_of, spoken
from app.workflows.effects import effects
from app.workflows.flow import END, SUBMITTER
from app.workflows.machine import checks_of, machines

Body = Mapping[str, Any]

KINDS = {"decide": Words("审批", "Decision"), "filing": Words("备案", "Filing")}
AGAINST = {SUBMITTER: Words("提交人", "the submitter"), "owner": Words("负责人", "the owner")}
SUBMIT = Words("提交", "Submission")
FINISH = Words("结束", "End")
ONWARD = Words("下一步", "the next step")
SEPARATED = say(
    zh="提交人、记录负责人和录入人不审批；同一人不在一份申请中审批两步；无人可审时由其上级审批。",
    en="Who submitted, owns or entered the record never decides; nobody decides two steps of one request; "
    "where that leaves nobody, a superior steps in.",
)
"""The separation of duties no flow can relax (W-02)."""


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing a step or flow says of itself, in words."""

    name: str
    label: Words
    text: Words


@dataclass(frozen=True, slots=True)
class Difference:
    """What one version says otherwise than another: of a step or the flow itself; `before` or `after` may be missing."""

    place: str
    where: Words
    label: Words
    before: Words | None
    after: Words | None


class Describer:
    """Puts one document into words; what names are needed is read once."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.catalogue: Catalogue = catalogue_of(body)
        self.model = subjects.subject_named(body["object_type"]).model

    @cached_property
    def roles(self) -> dict[str, Words]:
        """The names of the roles."""
        return {code: named.words for code, named in codes.roles().items()}

    @cached_property
    def functions(self) -> dict[str, Words]:
        """The names of what units are there for."""
        return {code: named.words for code, named in codes.functions().items()}

    @cached_property
    def positions(self) -> dict[str, Words]:
        """The names of the posts."""
        rows = db.session.execute(select(Position.code, Position.name_zh, Position.name_en))
        return {code: Words(zh, en) for code, zh, en in rows}

    def employee(self, number: str) -> Words:
        """A person by his number."""
        with access.acting(access.SYSTEM):
            name = db.session.scalar(select(Employee.name).where(Employee.no == number))
        return Words(name or number, name or number)

    def field(self, path: str) -> Words:
        """A field of the record by its path (`agreement.sign_on`)."""
        model, *rest = self.model, *path.split(".")
        for relation in rest[:-1]:
            found = getattr(model, relation, None)
            model = found.property.mapper.class_ if found is not None else model
        relations = inspect(model).relationships
        if rest[-1] in relations:
            return labels_of(relations[rest[-1]].mapper.class_)
        known = field_named(model, rest[-1])
        return known.label if known else Words(path, path)

    def step_name(self, key: str) -> Words:
        """A step by its key, or the end."""
        if key in {END, SUBMITTER}:
            return FINISH if key == END else AGAINST[SUBMITTER]
        named = next((step["name"] for step in self.body["steps"] if step["key"] == key), None)
        return Words(named["zh"], named["en"]) if named else Words(key, key)

    def condition(self, text: str) -> Words:
        """A condition in both languages."""
        return spoken(text, self.catalogue)

    # ---- people --------------------------------------------------------------------------------------------

    def who(self, rules: Iterable[Mapping[str, Any]]) -> Words:
        """The people a seat names."""
        return joined([self.rule(rule) for rule in rules]) or Words("（未指定）", "(nobody)")

    def rule(self, rule: Mapping[str, Any]) -> Words:
        """One rule that names people."""
        word = next((word for word in RULE_WORDS if word in rule), "")
        if not word:
            return Words("？", "?")
        found = RULE_WORDS[word](self, rule)
        if rule.get("within") == "department":
            return say("{who}（提交人所在部门）", "{who} in the submitter's department", who=found)
        return found

    # ---- steps ---------------------------------------------------------------------------------------------

    def traits(self, step: Body) -> list[Trait]:
        """Everything a step says of itself."""
        return [Trait(name, label, text) for name, label, text in self._traits(step) if text is not None]

    def _traits(self, step: Body) -> Iterator[tuple[str, Words, Words | None]]:
        yield "kind", Words("类型", "Kind"), KINDS[step.get("kind", "decide")]
        yield "when", Words("适用条件", "Applies when"), self._said(step, "when")
        for place, seat in enumerate(seats_of(step)):
            label = Words("审批人", "Who") if "seats" not in step else self._seat_label(seat, place)
            own = {**seat, "when": None} if seat is step else seat
            yield f"seat-{place}", label, self.seat(own)
        whose = AGAINST.get(step.get("outside", ""))
        kept_out = say("{who}所在部门", "the department of {who}", who=whose) if whose else None
        yield "outside", Words("须回避", "Not decided by"), kept_out
        yield "shows", Words("只显示", "Shows only"), self._fields(step, "shows")
        yield "fields", Words("可填写", "Fills in"), self._fields(step, "fields")
        yield "required", Words("必须填写", "Must fill in"), self._fields(step, "required")
        yield "evidence", Words("所需材料", "Evidence"), self.documents(step.get("evidence", ()))
        yield "checks", Words("同意前核对", "Checked before approval"), self.checks(step.get("checks", ()))
        yield "acts", Words("可用操作", "May"), _acts(step.get("acts"))
        yield "comment", Words("须填意见", "Needs a comment"), _acts(step.get("comment"))
        yield "comment_when", Words("须填意见的情形", "Comment when"), self._said(step, "comment_when")
        yield "approve_when", Words("可以同意的条件", "May approve when"), self._said(step, "approve_when")
        yield "return_to", Words("可退回到", "Sends back to"), self._steps(step.get("return_to"))
        yield "due", Words("期限", "Due"), spans(step.get("due"))
        yield "remind_every", Words("提醒间隔", "Reminds every"), spans(step.get("remind_every"))
        yield "escalate_after", Words("超时升级", "Escalates after"), spans(step.get("escalate_after"))
        late = step.get("time_out") or {}
        yield "time_out", Words("超时结束", "Times out after"), spans(late.get("after"))
        yield "time_out_then", Words("超时后", "After a time-out"), self.effects(late.get("then", ()))
        yield "then", Words("通过后", "Once passed"), self.effects(step.get("then", ()))
        yield "copies", Words("抄送", "Copies to"), joined([self.rule(one) for one in step.get("copies", ())])
        yield "next", Words("去向", "Goes on"), self.ways(step)

    def seat(self, seat: Body) -> Words:
        """Who sits on a seat and how they decide."""
        parts = [self.who(seat.get("people", ()))]
        if len(seat.get("people", ())) > 1 or seat.get("mode", "any") != "any":
            parts.append(_mode(seat))
        if seat.get("rejected", "one") != "one":
            parts.append(RejectPolicy[seat["rejected"]].words)
        if seat.get("optional"):
            parts.append(Words("仅供参考", "advisory"))
        if seat.get("when"):
            parts.append(say("仅当 {it}", "only when {it}", it=self.condition(seat["when"])))
        return joined(parts, "；", "; ") or Words("", "")

    def _seat_label(self, seat: Body, place: int) -> Words:
        name = seat.get("name")
        return Words(name["zh"], name["en"]) if name else say("席位 {n}", "Seat {n}", n=place + 1)

    def documents(self, found: Iterable[Body]) -> Words | None:
        """The kinds of file that must be there."""
        parts = []
        for one in found:
            named, count = Words(one["name"]["zh"], one["name"]["en"]), one.get("count", 1)
            words = say("{it} {n} 份", "{it} ({n})", it=named, n=count) if count > 1 else named
            if one.get("record"):
                words = say("{it}（记录）", "{it} (a record)", it=words)
            if one.get("when"):
                words = say("{it}（仅当 {c}）", "{it} (when {c})", it=words, c=self.condition(one["when"]))
            parts.append(words)
        return joined(parts)

    def checks(self, names: Iterable[str]) -> Words | None:
        """What must hold before a step is approved."""
        known = checks_of(self.model)
        return joined([known.get(name, Words(name, name)) for name in names], "；", "; ")

    def effects(self, wanted: Iterable[Body]) -> Words | None:
        """What a decision brings about, in order."""
        return joined([self.effect(one) for one in wanted], "；", "; ")

    def effect(self, one: Body) -> Words:
        """One thing a decision brings about: a move of the record, or something else."""
        if "effect" in one:
            found = effects.get(str(one["effect"]))
            return found.words if found else Words(str(one["effect"]), str(one["effect"]))
        verb, life = str(one.get("move", "")), machines.get(self.model)
        move = next((move for move in life.moves if move.verb == verb), None) if life else None
        if life is None or move is None:
            return Words(verb, verb)
        return say(
            "{move}（状态“{state}”）",
            '{move} (status "{state}")',
            move=move.words,
            state=life.states[move.target].words,
        )

    def ways(self, step: Body) -> Words | None:
        """Where a step leads on to."""
        edges = step.get("next", ())
        parts = [self.way(edge) for edge in edges]
        if edges and edges[-1].get("when"):
            parts.append(say("否则 → {to}", "otherwise → {to}", to=ONWARD))
        return joined(parts, "；", "; ")

    def way(self, edge: Body) -> Words:
        """One way on."""
        to = self.step_name(edge["to"])
        if not edge.get("when"):
            return say("→ {to}", "→ {to}", to=to)
        return say("{when} → {to}", "{when} → {to}", when=self.condition(edge["when"]), to=to)

    def _said(self, step: Body, name: str) -> Words | None:
        return self.condition(step[name]) if step.get(name) else None

    def _fields(self, step: Body, name: str) -> Words | None:
        return joined([self.field(path) for path in step.get(name, ())])

    def _steps(self, keys: Sequence[str] | None) -> Words | None:
        return joined([self.step_name(key) for key in keys]) if keys is not None else None

    # ---- the flow itself -----------------------------------------------------------------------------------

    def own_traits(self) -> list[Trait]:
        """Everything the flow says of itself beside its steps."""
        return [Trait(name, label, text) for name, label, text in self._own_traits() if text is not None]

    def _own_traits(self) -> Iterator[tuple[str, Words, Words | None]]:
        body, submit = self.body, self.body.get("submit", {})
        yield "name", Words("名称", "Name"), Words(body["name"]["zh"], body["name"]["en"])
        yield "article", Words("制度条文", "Article"), _plain(body.get("article"))
        yield "applies", Words("适用于", "Covers"), self._said(body, "applies")
        yield (
            "submit",
            Words("谁可提交", "Who submits"),
            joined([self.rule(r) for r in submit.get("people", ())]),
        )
        yield "required", Words("提交前必填", "Filled in before"), self._fields(submit, "required")
        yield "documents", Words("提交材料", "Files to submit"), self.documents(submit.get("documents", ()))
        for param in body.get("params", ()):
            name = Words(param["name"]["zh"], param["name"]["en"])
            yield f"param-{param['key']}", name, self.param(param)
        rejecting = "return" if body.get("on_reject") == "return" else "end"
        yield "on_reject", Words("驳回后", "After a rejection"), ON_REJECT[rejecting]
        yield "resubmit", Words("重新提交后", "After resubmission"), RESUBMIT[body.get("resubmit", "restart")]
        yield (
            "unneeded",
            Words("无需审批时", "Where no step applies"),
            UNNEEDED[body.get("unneeded", "refuse")],
        )
        yield from self._endings()
        yield from self._freeze(body.get("freeze", {}))
        yield "exclusive_group", Words("互斥组", "Exclusive group"), _plain(body.get("exclusive_group"))

    def _endings(self) -> Iterator[tuple[str, Words, Words | None]]:
        labels = {
            "on_approved": Words("通过后", "Once approved"),
            "on_rejected": Words("驳回后", "Once rejected"),
        }
        for name, label in labels.items():
            yield name, label, self.effects(self.body.get(name, BROUGHT[name])) or NOTHING

    def _freeze(self, freeze: Body) -> Iterator[tuple[str, Words, Words | None]]:
        yield "free", Words("审批中可修改", "Editable meanwhile"), self._fields(freeze, "free")
        yield "after", Words("通过后修改", "Editing once approved"), AFTER[freeze.get("after", "open")]
        rearm = freeze.get("rearm", {})
        yield "rearm", Words("修改即失效", "Undone by an edit of"), self._fields(rearm, "fields")
        move = self.effects([{"move": rearm["move"]}]) if rearm.get("move") else None
        yield "rearm_move", Words("失效后", "Then"), move

    def param(self, param: Body) -> Words:
        """The value of a parameter with its unit."""
        try:
            type_, raw = read_number(param["value"])
        except BadFormula:
            return Words(param["value"], param["value"])
        return value_words(type_, raw, self.catalogue)


ON_REJECT = {
    "end": Words("申请结束", "the request ends"),
    "return": Words("退回提交人", "it goes back to the submitter"),
}
RESUBMIT = {
    "restart": Words("从第一步开始", "it begins anew"),
    "resume": Words("内容未变则从退回处继续", "unchanged, it goes on where it was sent back"),
}
UNNEEDED = {
    "refuse": Words("不能提交", "it cannot be submitted"),
    "release": Words("免审批放行", "it is released without approval"),
}
AFTER = {
    "open": Words("可以修改", "it may be edited"),
    "locked": Words("不能修改", "it is locked"),
}
BROUGHT = {"on_approved": ({"move": "approve"},), "on_rejected": ({"move": "reject"},)}
"""What the end of a request brings about unless the flow says otherwise."""
NOTHING = Words("无", "nothing")


def _plain(text: str | None) -> Words | None:
    return Words(text, text) if text else None


def seats_of(step: Body) -> list[Any]:
    """The seats of a step; one that has no list of them is its own."""
    return list(step.get("seats") or [step])


def _mode(seat: Body) -> Words:
    mode = QuorumMode[seat.get("mode", "any")]
    if mode in {QuorumMode.n_of_m, QuorumMode.weight} and seat.get("need"):
        return say("{mode}（{n}）", "{mode} ({n})", mode=mode.words, n=seat["need"])
    if mode is QuorumMode.ratio and seat.get("share"):
        return say("{mode}（{n}）", "{mode} ({n})", mode=mode.words, n=seat["share"])
    return mode.words


def _acts(found: Sequence[str] | None) -> Words | None:
    return joined([ApprovalAct[act].words for act in found]) if found is not None else None


def spans(text: str | None) -> Words | None:
    """A length of time in words; one that cannot be read as it is written."""
    if text is None:
        return None
    try:
        span = Span.read(text)
    except BadInput:
        return Words(text, text)
    return say("{n} {unit}", "{n} {unit}", n=span.count, unit=codes.UNITS[span.unit])


def joined(parts: Sequence[Words], zh: str = "、", en: str = ", ") -> Words | None:
    """Several words as one; None for none."""
    if not parts:
        return None
    return Words(zh.join(part.zh for part in parts), en.join(part.en for part in parts))


def _of_role(d: Describer, rule: Body) -> Words:
    code = str(rule["role"])
    return d.roles.get(code, Words(code, code))


def _of_position(d: Describer, rule: Body) -> Words:
    code = str(rule["position"])
    return d.positions.get(code, Words(code, code))


def _of_superior(_d: Describer, rule: Body) -> Words:
    whose, levels = AGAINST.get(str(rule["superior"]), AGAINST[SUBMITTER]), int(rule.get("levels", 1))
    if levels == 1:
        return say("{who}的直接上级", "the superior of {who}", who=whose)
    return say("{who}的第 {n} 级上级", "the superior {n} levels above {who}", who=whose, n=levels)


def _of_head(_d: Describer, rule: Body) -> Words:
    whose = AGAINST.get(str(rule["head"]), AGAINST[SUBMITTER])
    return say("{who}所在部门负责人", "the head of the department of {who}", who=whose)


def _of_function(d: Describer, rule: Body) -> Words:
    code = str(rule["function"])
    name = d.functions.get(code, Words(code, code))
    if rule.get("members"):
        return say("{it}部门全体", "everybody in {it}", it=name)
    return say("{it}部门负责人", "head of {it}", it=name)


def _of_field(d: Describer, rule: Body) -> Words:
    return say("记录中的“{it}”", 'whom the field "{it}" names', it=d.field(str(rule["field"])))


def _of_decider(d: Describer, rule: Body) -> Words:
    return say("“{it}”的审批人", 'who decided "{it}"', it=d.step_name(str(rule["decider"])))


def _of_employee(d: Describer, rule: Body) -> Words:
    return d.employee(str(rule["employee"]))


RULE_WORDS = {
    "role": _of_role,
    "position": _of_position,
    "superior": _of_superior,
    "head": _of_head,
    "function": _of_function,
    "field": _of_field,
    "decider": _of_decider,
    "employee": _of_employee,
}


# ---- two versions ------------------------------------------------------------------------------------------

FLOW = Words("流程", "The flow")
STEP = Words("步骤", "Step")
ORDER = Words("步骤顺序", "Order of the steps")


def differences(before: Body, after: Body) -> list[Difference]:
    """What the later of two versions says otherwise, in words."""
    old, new = Describer(before), Describer(after)
    found = list(_compared("", FLOW, old.own_traits(), new.own_traits()))
    was = {step["key"]: step for step in before["steps"]}
    now = {step["key"]: step for step in after["steps"]}
    for key in {**was, **now}:
        name = (new if key in now else old).step_name(key)
        if key not in now or key not in was:
            gone = key not in now
            found.append(Difference(key, name, STEP, name if gone else None, None if gone else name))
            continue
        found += _compared(key, name, old.traits(was[key]), new.traits(now[key]))
    shared_before, shared_after = [k for k in was if k in now], [k for k in now if k in was]
    if shared_before != shared_after:
        ordered = (joined([d.step_name(k) for k in keys], " → ", " → ") for d, keys in
                   ((old, shared_before), (new, shared_after)))  # fmt: skip
        found.append(Difference("", FLOW, ORDER, *ordered))
    return found


def _compared(
    place: str, where: Words, before: Sequence[Trait], after: Sequence[Trait]
) -> Iterator[Difference]:
    was, now = {trait.name: trait for trait in before}, {trait.name: trait for trait in after}
    for name in {**was, **now}:
        old, new = was.get(name), now.get(name)
        if (old and old.text) != (new and new.text):
            label = (new or old).label  # type: ignore[union-attr] # one of them is there
            yield Difference(place, where, label, old.text if old else None, new.text if new else None)
