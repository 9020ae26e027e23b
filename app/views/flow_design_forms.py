"""The forms of the designer: a step, the flow itself, and what was typed into them as parts of the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import BadInput, Problem
from app.extensions import db
from app.models import ApprovalAct, Employee, OrgUnit, QuorumMode, RejectPolicy
from app.services import access, codes, values
from app.services.fields import STAMPS, Kind, fields_of
from app.services.language.catalogue import Catalogue
from app.views import flow_design_lines as lines, pages
from app.views.flow_design_lines import tongues
from app.views.pages import Choice, Field, Section
from app.words import Words, say
from app.workflows import conditions, designing, subjects
from app.workflows.describing import AFTER, BROUGHT, KINDS, ON_REJECT, RESUBMIT, UNNEEDED, Describer, seats_of
from app.workflows.designing import Body, put
from app.workflows.effects import effects
from app.workflows.flow import ACTS, COMMENTED, SUBMITTER
from app.workflows.machine import By, Move, checks_of, machines

SPANS = ("wd", "wh", "d", "mo")
LEVELS = (1, 2, 3)
SEAT = ("people", "mode", "need", "share", "weights", "rejected")
"""What a seat says; a step with one seat says it of itself."""
WEIGHT = re.compile(r"\s*(\S+)\s*[=＝:：]\s*(\d{1,4})\s*")


# ---- people ------------------------------------------------------------------------------------------------


def code_of(rule: Mapping[str, Any]) -> str:
    """A rule that names people as one word of a picker."""
    word, value = next(iter(rule.items()))
    parts = [word, str(value)]
    parts += [str(rule["levels"])] if rule.get("levels", 1) != 1 else []
    parts += ["members"] if rule.get("members") else []
    return ":".join(parts) + ("@department" if rule.get("within") == "department" else "")


def rule_of(code: str) -> Body:
    """The rule behind the word of a picker."""
    plain, at, _within = code.partition("@")
    word, value, *more = plain.split(":")
    rule: Body = {word: value}
    for part in more:
        rule |= {"members": True} if part == "members" else {"levels": int(part)}
    return rule | ({"within": "department"} if at else {})


class People:
    """Who can be named at a step: every rule of the closed list, in words; persons are searched for by name."""

    def __init__(self, describer: Describer) -> None:
        self.describer = describer

    @cached_property
    def offered(self) -> dict[str, Choice]:
        """The words of the picker."""
        return {code: self._choice(code, note) for code, note in self._codes()}

    def _choice(self, code: str, note: Words) -> Choice:
        return Choice(code, self.describer.rule(rule_of(code)), note)

    def _codes(self) -> Iterator[tuple[str, Words]]:
        d, flow_steps = self.describer, self.describer.body["steps"]
        superior = Words("上级", "Superior")
        for whose in (SUBMITTER, "owner"):
            yield f"head:{whose}", superior
            for levels in LEVELS:
                yield f"superior:{whose}" + (f":{levels}" if levels > 1 else ""), superior
        for role in d.roles:
            yield f"role:{role}", Words("角色", "Role")
            yield f"role:{role}@department", Words("角色", "Role")
        for function in d.functions:
            yield f"function:{function}", Words("部门", "Department")
            yield f"function:{function}:members", Words("部门", "Department")
        for position in d.positions:
            yield f"position:{position}", Words("岗位", "Post")
        for field in fields_of(d.model):
            if field.kind is Kind.relation and field.target in {Employee, OrgUnit}:
                yield f"field:{field.name}", Words("字段", "Field")
        for step in flow_steps:
            yield f"decider:{step['key']}", Words("前面的步骤", "Earlier step")

    def inputs(
        self, prefix: str, rules: Sequence[Mapping[str, Any]], label: str, **more: Any
    ) -> Iterator[Field]:
        """Two pickers: rules from the closed list, and persons by name."""
        chosen = [rule for rule in rules if "employee" not in rule]
        picked = tuple(
            self.offered.get(code_of(rule), Choice(code_of(rule), self.describer.rule(rule)))
            for rule in chosen
        )
        rest = tuple(one for one in self.offered.values() if one not in picked)
        yield Field(f"{prefix}people", label, "pickers", picked=picked, choices=rest, **more)
        yield Field(
            f"{prefix}persons",
            _("Persons by name"),
            "pickers",
            picked=tuple(_persons([rule["employee"] for rule in rules if "employee" in rule])),
            picker_url="/pick/employee",
            help=_("Only where no role or post will do."),
        )

    def typed(self, prefix: str, before: Sequence[Mapping[str, Any]]) -> list[Body]:
        """The rules that were picked; one the picker cannot say stays as it was."""
        kept = {code_of(rule): dict(rule) for rule in before}
        found = [kept.get(code) or rule_of(code) for code in request.form.getlist(f"{prefix}people")
                 if code in self.offered or code in kept]  # fmt: skip
        ids = [key for text in request.form.getlist(f"{prefix}persons") if (key := values.whole(text))]
        with access.acting(access.SYSTEM):
            numbers = dict(
                db.session.execute(select(Employee.id, Employee.no).where(Employee.id.in_(ids))).all()
            )
        return found + [{"employee": numbers[id_]} for id_ in ids if id_ in numbers]


def _persons(numbers: Sequence[str]) -> Iterator[Choice]:
    with access.acting(access.SYSTEM):
        rows = db.session.execute(
            select(Employee.id, Employee.name, Employee.no).where(Employee.no.in_(numbers))
        ).all()
    yield from (Choice(str(id_), name, no) for id_, name, no in rows)


# ---- a step ------------------------------------------------------------------------------------------------


class StepForm:
    """The form of one step of a document: its sections, and what was typed into them."""

    def __init__(
        self,
        body: Body,
        key: str,
        errors: Mapping[str, Sequence[Words]] | None = None,
        condition_url: Callable[[str], str] = str,
    ) -> None:
        self.body, self.key = body, key
        self.condition_url = condition_url
        self.step = designing.step_of(body, key)
        self.describer = Describer(body)
        self.people = People(self.describer)
        self.errors = errors or {}

    # ---- shown ---------------------------------------------------------------------------------------------

    def sections(self) -> tuple[Section, ...]:
        """Everything a step says, part by part."""
        step = self.step
        return (
            Section("step", Words("步骤", "Step"), fields=tuple(self._named())),
            *self._seat_sections(),
            Section("does", _("Fields and acts"), fields=(*self._seen(), *self._acts())),
            Section(
                "evidence",
                _("Evidence"),
                lines=lines.documents(
                    "evidence",
                    _("Evidence"),
                    self.describer,
                    step.get("evidence", ()),
                    self._errors("evidence"),
                ),
                banners=self._conditions("evidence", step.get("evidence", ())),
            ),
            Section("time", _("Time"), fields=tuple(self._times())),
            Section("then", _("What follows"), fields=tuple(self._consequences())),
            Section(
                "copies",
                _("Copies"),
                fields=tuple(
                    self.people.inputs(
                        "copies-",
                        step.get("copies", ()),
                        _("Copies to"),
                        errors=self._errors("copies-people"),
                    )
                ),
            ),
        )

    def _named(self) -> Iterator[Field]:
        yield self._field(
            "name_zh", _("Chinese name"), value=self.step["name"]["zh"], required=True, maxlength=80
        )
        yield self._field(
            "name_en", _("English name"), value=self.step["name"]["en"], required=True, maxlength=80
        )
        yield Field(
            "kind",
            _("Kind"),
            "radio",
            choices=tuple(Choice(word, words) for word, words in KINDS.items()),
            value=self.step.get("kind", "decide"),
            help=_("A filing takes note of what was decided: it may be seen to by who asked."),
        )

    def _seat_sections(self) -> Iterator[Section]:
        seats = seats_of(self.step)
        for place, seat in enumerate(seats):
            several = "seats" in self.step
            title = _("Seat %(n)s", n=place + 1) if several else _("Who decides")
            note = "" if place else _separated()
            yield Section(
                f"seat-{place}",
                title,
                fields=tuple(self._seat(place, seat, several=several)),
                note=note,
                banners=self._conditions("seats", [seat]) if several else (),
            )

    def _conditions(self, part: str, found: Sequence[Body]) -> tuple[pages.Banner, ...]:
        """When each of these counts, which is filled in as a table."""
        acts = tuple(
            pages.Act(
                condition_words(tongues(one.get("name") or self.step["name"]), one.get("when")),
                self.condition_url(f"{part}.{one['key' if part == 'seats' else 'type']}"),
            )
            for one in found
        )
        return (pages.Banner(_("Only when a condition holds:"), icon="table", acts=acts),) if acts else ()

    def _errors(self, name: str) -> tuple[Words, ...]:
        return tuple(self.errors.get(name, ()))

    def _seat(self, place: int, seat: Body, *, several: bool) -> Iterator[Field]:
        p = f"seat-{place}-"
        if several:
            name = seat.get("name") or self.step["name"]
            yield self._field(f"{p}name_zh", _("Chinese name"), value=name["zh"], required=True)
            yield self._field(f"{p}name_en", _("English name"), value=name["en"], required=True)
        yield from self.people.inputs(
            p, seat.get("people", ()), _("Who decides"), errors=self._errors(f"{p}people")
        )
        yield Field(f"{p}mode", _("How many must agree"), "choice", required=True,
                    choices=tuple(Choice(mode.value, mode.words) for mode in QuorumMode),
                    value=seat.get("mode", "any"))  # fmt: skip
        yield self._field(f"{p}need", _("Votes or weight needed"), "number", value=str(seat.get("need", "")),
                          help=_("For N of M and by weight."))  # fmt: skip
        yield self._field(f"{p}share", _("Share needed"), value=seat.get("share", ""), placeholder="2/3",
                          help=_("By share: such as 3/5 or 2/3."))  # fmt: skip
        yield Field(f"{p}rejected", _("Rejected"), "choice", required=True,
                    choices=tuple(Choice(one.value, one.words) for one in RejectPolicy),
                    value=seat.get("rejected", "one"))  # fmt: skip
        weights = "\n".join(f"{number} = {weight}" for number, weight in seat.get("weights", {}).items())
        if weights or seat.get("mode") == "weight":
            yield self._field(f"{p}weights", _("Weights"), "long", value=weights,
                              help=_("One line each: employee number = weight; 1 for who is not named."))  # fmt: skip
        if several:
            yield Field(f"{p}optional", _("Only advises: the step does not wait for it"), "flag",
                        value="1" if seat.get("optional") else "")  # fmt: skip
            yield Field(f"{p}drop", _("Take this seat out"), "flag")

    def _seen(self) -> Iterator[Field]:
        """What of the record a decider is shown and fills in, and what must hold before he may agree."""
        step, d = self.step, self.describer
        askable = field_choices(d.model, but={"status", *STAMPS})
        askable |= {
            name: Choice(name, d.field(name))
            for name in subjects.subject_named(self.body["object_type"]).lines
        }
        filled = field_choices(d.model, but=subjects.OUTSIDE)
        shown = (
            ("shows", _("Fields shown at this step"), askable, _("Empty: every field the decider may see.")),
            ("fields", _("Fields filled in at this step"), filled, ""),
            ("required", _("Must be filled in"), filled, ""),
        )
        for name, label, offered, help_ in shown:
            yield picked(
                name, label, step.get(name, ()), offered, d.field, help=help_, errors=self._errors(name)
            )
        checks = {name: Choice(name, words) for name, words in checks_of(d.model).items()}
        if checks or step.get("checks"):
            yield picked("checks", _("Checked before approval"), step.get("checks", ()), checks,
                         lambda name: Words(name, name), errors=self._errors("checks"))  # fmt: skip

    def _acts(self) -> Iterator[Field]:
        step = self.step
        acts = tuple(Choice(act, ApprovalAct[act].words) for act in ACTS)
        yield self._field("acts", _("May"), "choices", choices=acts, picked=_of(acts, step.get("acts", ACTS)))
        yield self._field("comment", _("Needs a comment"), "choices", choices=acts,
                          picked=_of(acts, step.get("comment", COMMENTED)),
                          help=_("Rejecting and sending back always need one."))  # fmt: skip
        targets = tuple(Choice(key, self.describer.step_name(key)) for key in self._earlier())
        yield self._field("return_to", _("May send back to"), "choices", choices=targets,
                          picked=_of(targets, step.get("return_to", (SUBMITTER,))))  # fmt: skip

    def _consequences(self) -> Iterator[Field]:
        step, late = self.step, self.step.get("time_out") or {}
        yield effect_field("then", _("Once this step is passed"), step.get("then", ()), self.describer,
                           errors=self._errors("then"))  # fmt: skip
        yield effect_field("time_out_then", _("After it ended undecided"), late.get("then", ()), self.describer,
                           help=_("Only where it ends undecided after some time. A time-out never approves."))  # fmt: skip

    def _earlier(self) -> list[str]:
        keys = [step["key"] for step in self.body["steps"]]
        return [SUBMITTER, *keys[: keys.index(self.key)]]

    def _times(self) -> Iterator[Field]:
        for name, label in TIMES:
            text = self._time(name)
            number, unit = re.fullmatch(r"(\d*)(.*)", text.strip()).groups()  # type: ignore[union-attr] # matches anything
            yield self._field(f"{name}_n", label(), "number", value=number)
            yield Field(f"{name}_unit", _("%(what)s: unit", what=label()), "choice", required=True,
                        choices=tuple(Choice(word, codes.UNITS[word]) for word in SPANS), value=unit or "wd")  # fmt: skip

    def _time(self, name: str) -> str:
        return str(
            (self.step.get("time_out") or {}).get("after", "")
            if name == "time_out"
            else self.step.get(name, "")
        )

    def _field(self, name: str, label: pages.Text, kind: pages.FieldKind = "text", **more: Any) -> Field:
        return Field(name, label, kind, errors=tuple(self.errors.get(name, ())), **more)

    # ---- typed ---------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Put what was typed into the step; raises `BadInput` naming the field."""
        form, step, problems = request.form, self.step, list[Problem]()
        step["name"] = lines.typed_name("", problems)
        put(step, "kind", "filing" if form.get("kind") == "filing" else None)
        self._take_seats(problems)
        for name in ("shows", "fields", "required", "checks"):
            put(step, name, form.getlist(name))
        put(step, "acts", _unless(_typed_acts("acts"), ACTS))
        put(
            step,
            "comment",
            _unless([act for act in ACTS if act in {*form.getlist("comment"), *COMMENTED}], COMMENTED),
        )
        targets = [key for key in self._earlier() if key in form.getlist("return_to")]
        if targets == [SUBMITTER]:
            step.pop("return_to", None)
        else:
            step["return_to"] = targets
        for name, _label in TIMES:
            self._take_time(name, problems)
        put(step, "copies", self.people.typed("copies-", step.get("copies", ())))
        put(step, "evidence", lines.typed_documents("evidence", step.get("evidence", ()), problems))
        put(step, "then", typed_effects("then", step.get("then", ())))
        if problems:
            raise BadInput(problems)

    def _take_seats(self, problems: list[Problem]) -> None:
        for place, seat in enumerate(seats_of(self.step)):
            p = f"seat-{place}-"
            if f"{p}mode" not in request.form:
                continue
            if "seats" in self.step:
                seat["name"] = lines.typed_name(p, problems)
                put(seat, "optional", bool(request.form.get(f"{p}optional")))
                if not seat.get("optional"):
                    seat.pop("optional", None)
            seat["people"] = self.people.typed(p, seat.get("people", ()))
            mode = request.form[f"{p}mode"]
            put(seat, "mode", mode if mode != "any" and mode in [one.value for one in QuorumMode] else None)
            rejected = request.form.get(f"{p}rejected")
            put(seat, "rejected", rejected if rejected == "impossible" else None)
            counted = mode in {"n_of_m", "weight"}
            put(seat, "need", lines.typed_number(f"{p}need", problems) if counted else None)
            put(seat, "share", request.form.get(f"{p}share", "").strip() if mode == "ratio" else None)
            put(seat, "weights", _typed_weights(f"{p}weights", problems) if mode == "weight" else None)

    def _take_time(self, name: str, problems: list[Problem]) -> None:
        number, unit = lines.typed_number(f"{name}_n", problems), request.form.get(f"{name}_unit", "")
        text = f"{number}{unit if unit in SPANS else 'wd'}" if number else None
        if name != "time_out":
            put(self.step, name, text)
        elif text is None:
            self.step.pop("time_out", None)
        else:
            late: Body = {**self.step.get("time_out", {}), "after": text}
            put(late, "then", typed_effects("time_out_then", late.get("then", ())))
            self.step["time_out"] = late


TIMES: tuple[tuple[str, Callable[[], str]], ...] = (
    ("due", lambda: _("Due after")),
    ("remind_every", lambda: _("Remind every")),
    ("escalate_after", lambda: _("To the superior after")),
    ("time_out", lambda: _("Ends undecided after")),
)


def _separated() -> str:
    return _(  # type: ignore[no-any-return]
        "Whoever submitted, owns or entered the record never decides, and nobody decides two steps of one request."
    )


def _of(choices: Iterable[Choice], values: Iterable[str]) -> tuple[Choice, ...]:
    wanted = set(values)
    return tuple(one for one in choices if one.value in wanted)


def _unless(found: Sequence[str], default: Sequence[str]) -> list[str] | None:
    """What was chosen; nothing where it is what holds anyway."""
    return None if set(found) == set(default) else list(found)


def _typed_acts(name: str) -> list[str]:
    return [act for act in ACTS if act in request.form.getlist(name)]


def _typed_weights(name: str, problems: list[Problem]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in request.form.get(name, "").splitlines():
        if not line.strip():
            continue
        match = WEIGHT.fullmatch(line)
        if match is None or match[2] == "0":
            problems.append(Problem(say("请写成“工号 = 权重”。", "Write: employee number = weight."), name))
            break
        found[match[1]] = int(match[2])
    return found


def add_seat(step: Body) -> None:
    """Another seat beside those of a step; the first becomes one of several."""
    if "seats" not in step:
        first = {"key": "seat_1", "name": dict(step["name"])} | {k: step.pop(k) for k in SEAT if k in step}
        step["seats"] = [{"people": [], **first}]
    taken = [seat["key"] for seat in step["seats"]]
    key = next(f"seat_{number}" for number in range(1, 100) if f"seat_{number}" not in taken)
    step["seats"].append({"key": key, "name": dict(step["name"]), "people": []})


def drop_seats(step: Body) -> None:
    """Take out the seats that are ticked; one that is left alone is the step itself."""
    seats = step.get("seats", ())
    kept = [seat for place, seat in enumerate(seats) if not request.form.get(f"seat-{place}-drop")]
    if not kept or len(kept) == len(seats):
        return
    step["seats"] = kept
    if len(step["seats"]) == 1 and not step["seats"][0].get("when"):
        (seat,) = step.pop("seats")
        step.update({name: seat[name] for name in SEAT if name in seat})


# ---- the flow itself ---------------------------------------------------------------------------------------


class FlowForm:
    """The form of what a flow says beside its steps."""

    def __init__(
        self,
        body: Body,
        errors: Mapping[str, Sequence[Words]] | None = None,
        condition_url: Callable[[str], str] = str,
    ) -> None:
        self.body, self.errors, self.condition_url = body, errors or {}, condition_url
        self.describer = Describer(body)
        self.people = People(self.describer)

    def sections(self) -> tuple[Section, ...]:
        """Names, who submits what, thresholds, what stays editable, what follows an end."""
        submit = self.body.get("submit", {})
        documents = submit.get("documents", ())
        acts = tuple(
            pages.Act(
                condition_words(tongues(one["name"]), one.get("when")),
                self.condition_url(f"submit.documents.{one['type']}"),
            )
            for one in documents
        )
        conditions_ = pages.Banner(_("Only when a condition holds:"), icon="table", acts=acts)
        return (
            Section("flow", _("Flow"), fields=tuple(self._named())),
            Section("params", _("Parameters (thresholds)"),
                    lines=lines.params(self.body.get("params", ()), self.errors)),
            Section("submit", _("Submission"), fields=tuple(self._submission(submit))),
            Section("documents", _("Files to submit"), banners=(conditions_,) if acts else (),
                    lines=lines.documents("documents", _("Files to submit"), self.describer, documents,
                                          tuple(self.errors.get("documents", ())))),
            Section("freeze", _("Editing meanwhile"), fields=tuple(self._freeze(self.body.get("freeze", {})))),
            Section("after", _("What follows"), fields=tuple(self._endings())),
        )  # fmt: skip

    def _named(self) -> Iterator[Field]:
        body = self.body
        for name, label in (("zh", _("Chinese name")), ("en", _("English name"))):
            yield self._field(f"name_{name}", label, value=body["name"][name], required=True, maxlength=80)
        yield self._field("article", _("Article of the policy"), value=body.get("article", ""), maxlength=80)
        yield self._field("exclusive_group", _("Exclusive group"), value=body.get("exclusive_group", ""),
                          maxlength=40, placeholder="decision",
                          help=_("One record has at most one request under way of each group; empty for the usual one."))  # fmt: skip

    def _submission(self, submit: Body) -> Iterator[Field]:
        yield from self.people.inputs("submit-", submit.get("people", ()), _("Who may submit"),
                                      help=_("Empty: whoever has the right to submit such records."),
                                      errors=tuple(self.errors.get("submit-people", ())))  # fmt: skip
        yield picked("required", _("Filled in before submission"), submit.get("required", ()), self._typable(),
                     self.describer.field, errors=tuple(self.errors.get("required", ())))  # fmt: skip
        yield _radio("unneeded", _("Where no step applies"), UNNEEDED, self.body.get("unneeded", "refuse"))

    def _freeze(self, freeze: Body) -> Iterator[Field]:
        d, rearm = self.describer, freeze.get("rearm", {})
        yield picked("free", _("Fields that stay editable while it is decided"), freeze.get("free", ()),
                     self._typable(), d.field, help=_("Everything else is frozen until the decision."))  # fmt: skip
        yield _radio("freeze_after", _("After approval"), AFTER, freeze.get("after", "open"))
        yield picked("rearm", _("Fields whose edit undoes the approval"), rearm.get("fields", ()), self._typable(),
                     d.field, errors=tuple(self.errors.get("rearm", ())))  # fmt: skip
        made = tuple(Choice(move.verb, d.effect({"move": move.verb})) for move in _moves(d.model))
        yield self._field("rearm_move", _("What then becomes of the record"), "choice", choices=made,
                          value=rearm.get("move", ""))  # fmt: skip

    def _endings(self) -> Iterator[Field]:
        body = self.body
        labels = {"on_approved": _("Once approved"), "on_rejected": _("Once rejected")}
        for name, label in labels.items():
            yield effect_field(name, label, body.get(name, BROUGHT[name]), self.describer,
                               errors=tuple(self.errors.get(name, ())))  # fmt: skip
        yield _radio("on_reject", _("After a rejection"), ON_REJECT, body.get("on_reject", "end"))
        yield _radio("resubmit", _("After resubmission"), RESUBMIT, body.get("resubmit", "restart"))

    def _typable(self) -> dict[str, Choice]:
        """The fields people type, whose freezing and filling in is the flow's to say."""
        model = self.describer.model
        return field_choices(model, but={field.name for field in fields_of(model) if not field.info.edit})

    def _field(self, name: str, label: pages.Text, kind: pages.FieldKind = "text", **more: Any) -> Field:
        return Field(name, label, kind, errors=tuple(self.errors.get(name, ())), **more)

    def take(self) -> None:
        """Put what was typed into the document; raises `BadInput` naming the field."""
        form, body, problems = request.form, self.body, list[Problem]()
        body["name"] = lines.typed_name("", problems)
        put(body, "article", form.get("article", "").strip())
        put(body, "exclusive_group", form.get("exclusive_group", "").strip())
        submit = dict(body.get("submit", {}))
        put(submit, "people", self.people.typed("submit-", submit.get("people", ())))
        put(submit, "required", form.getlist("required"))
        put(submit, "documents", lines.typed_documents("documents", submit.get("documents", ()), problems))
        put(body, "submit", submit)
        for name, word in (("on_reject", "return"), ("resubmit", "resume"), ("unneeded", "release")):
            put(body, name, word if form.get(name) == word else None)
        for name, usual in BROUGHT.items():
            wanted = typed_effects(name, body.get(name, usual))
            body[name] = wanted
            if wanted == list(usual):
                del body[name]
        put(body, "freeze", self._typed_freeze(problems))
        put(body, "params", list(lines.typed_params(body, problems)))
        if problems:
            raise BadInput(problems)
        steps = body.pop("steps")
        body["steps"] = steps

    def _typed_freeze(self, problems: list[Problem]) -> Body:
        form, freeze = request.form, dict(self.body.get("freeze", {}))
        put(freeze, "free", form.getlist("free"))
        put(freeze, "after", "locked" if form.get("freeze_after") == "locked" else None)
        rearm: Body = {}
        put(rearm, "fields", form.getlist("rearm"))
        put(rearm, "move", form.get("rearm_move", ""))
        if len(rearm) == 1:
            words = say(
                "请同时选择字段和其后的状态。", "Choose both the fields and what becomes of the record."
            )
            problems.append(Problem(words, "rearm"))
        put(freeze, "rearm", rearm)
        return freeze


def _moves(model: type[Any]) -> list[Move]:
    """The moves of a record type that no person makes, but being submitted: those a flow may name."""
    life = machines.get(model)
    return [move for move in life.moves if move.by is not By.person and move.verb != "submit"] if life else []


def effect_field(name: str, label: str, found: Sequence[Body], describer: Describer, **more: Any) -> Field:
    """A picker of what a decision brings about, in the order picked."""
    move, deed = Words("状态", "Status"), Words("动作", "Consequence")
    offered = {
        f"move:{one.verb}": Choice(f"move:{one.verb}", describer.effect({"move": one.verb}), move)
        for one in _moves(describer.model)
    }
    offered |= {
        f"effect:{code}": Choice(f"effect:{code}", one.words, deed)
        for code, one in effects.items()
        if one.model is describer.model
    }
    codes_ = [_effect_code(one) for one in found]
    return picked(name, label, codes_, offered, lambda code: describer.effect(_effect_of(code)), **more)


def _effect_code(one: Mapping[str, Any]) -> str:
    word, value = next(iter(one.items()))
    return f"{word}:{value}"


def _effect_of(code: str) -> Body:
    word, _colon, value = code.partition(":")
    return {word: value}


def typed_effects(name: str, before: Sequence[Mapping[str, Any]]) -> list[Body]:
    """What was picked, in that order; what the picker cannot say stays as it was."""
    kept = {_effect_code(one): dict(one) for one in before}
    return [kept.get(code) or _effect_of(code) for code in request.form.getlist(name)
            if code in kept or code.startswith(("move:", "effect:"))]  # fmt: skip


def field_choices(model: type[Any], but: Collection[str]) -> dict[str, Choice]:
    """The fields of a record type to choose among."""
    return {
        field.name: Choice(field.name, field.label) for field in fields_of(model) if field.name not in but
    }


def picked(
    name: str,
    label: pages.Text,
    values_: Sequence[str],
    offered: Mapping[str, Choice],
    named: Callable[[str], Words],
    **more: Any,
) -> Field:
    """A picker of several; what is chosen and not offered any more is still named."""
    chosen = tuple(offered.get(value) or Choice(value, named(value)) for value in values_)
    rest = tuple(one for one in offered.values() if one not in chosen)
    return Field(name, label, "pickers", picked=chosen, choices=rest, wide=True, **more)


def condition_words(name: Words, condition: str | None) -> str:
    """What a link to a condition is called; a tick where there is one."""
    return f"{name}{' ✓' if condition else ''}"


def _radio(name: str, label: str, words: Mapping[str, Words], value: str) -> Field:
    return Field(
        name, label, "radio", choices=tuple(Choice(word, said) for word, said in words.items()), value=value
    )


def copied(body: Mapping[str, Any]) -> Body:
    """A document to fill in, apart from the one that is kept."""
    found: Body = deepcopy(dict(body))
    return found


# ---- a table of conditions ---------------------------------------------------------------------------------


def typed_columns() -> list[str]:
    """The facts that head the columns."""
    return request.form.getlist("col")[:12]


def typed_lines(catalogue: Catalogue) -> list[conditions.Line]:
    """The rows as they were typed."""
    form, found = request.form, []
    columns = [name for name in typed_columns() if name in catalogue.facts]
    for number in range(min(values.whole(form.get("rows", "")) or 0, lines.MOST_LINES)):
        cells = {
            name: cell for name in columns if (cell := _typed_cell(f"r{number}.{name}", catalogue, name)).sign
        }
        found.append(
            conditions.Line(cells, form.get(f"r{number}.to", ""), form.get(f"r{number}.text", "").strip())
        )
    return found


def _typed_cell(prefix: str, catalogue: Catalogue, name: str) -> conditions.Cell:
    sign = request.form.get(f"{prefix}.sign", "")
    if sign not in conditions.signs_of(catalogue.facts[name].type) or sign in conditions.BARE:
        return conditions.Cell(sign if sign in conditions.BARE else "")
    values = request.form.getlist(f"{prefix}.value")
    if sign == "span":
        values = [*values[:1], request.form.get(f"{prefix}.upto", "")]
    return conditions.Cell(sign, tuple(values))
