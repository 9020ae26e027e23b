"""The forms of the designer: a step, the flow itself, and what was typed into them as parts of the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from app.services.fields import Kind, fields_of
from app.services.language.catalogue import Catalogue
from app.services.language.kinds import read_number
from app.services.language.problems import BadFormula
from app.views import pages
from app.views.pages import Choice, Field, Section
from app.words import Words, say
from app.workflows import conditions, designing, subjects
from app.workflows.conditions import UNITS
from app.workflows.describing import KINDS, ON_REJECT, RESUBMIT, Describer, seats_of
from app.workflows.designing import Body, put
from app.workflows.flow import ACTS, COMMENTED, SUBMITTER

SPANS = ("wd", "wh", "d", "mo")
LEVELS = (1, 2, 3)
MOST_LINES = 40
LARGEST_NUMBER = 99_999
"""As many as anybody means."""
SEAT = ("people", "mode", "need", "share", "weights", "rejected")
"""What a seat says; a step with one seat says it of itself."""
WEIGHT = re.compile(r"\s*(\S+)\s*[=＝:：]\s*(\d{1,4})\s*")


def tongues(body: Mapping[str, str]) -> Words:
    return Words(body["zh"], body["en"])


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

    def __init__(self, body: Body, key: str, errors: Mapping[str, Sequence[Words]] | None = None) -> None:
        self.body, self.key = body, key
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
            Section("does", _("Fields and acts"), fields=tuple(self._acts())),
            Section("time", _("Time"), fields=tuple(self._times())),
            Section(
                "copies",
                _("Copies"),
                fields=tuple(self.people.inputs("copies-", step.get("copies", ()), _("Copies to"))),
            ),
        )

    def lines(self) -> pages.LinesEditor:
        """The evidence a step asks for."""
        return document_lines("evidence", _("Evidence"), self.step.get("evidence", ()))

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
                f"seat-{place}", title, fields=tuple(self._seat(place, seat, several=several)), note=note
            )

    def _seat(self, place: int, seat: Body, *, several: bool) -> Iterator[Field]:
        p = f"seat-{place}-"
        if several:
            name = seat.get("name") or self.step["name"]
            yield self._field(f"{p}name_zh", _("Chinese name"), value=name["zh"], required=True)
            yield self._field(f"{p}name_en", _("English name"), value=name["en"], required=True)
        yield from self.people.inputs(p, seat.get("people", ()), _("Who decides"))
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

    def _acts(self) -> Iterator[Field]:
        step, model = self.step, self.describer.model
        fields = {
            field.name: Choice(field.name, field.label) for field in fields_of(model) if field.info.edit
        }
        for name, label in (
            ("fields", _("Fields filled in at this step")),
            ("required", _("Must be filled in")),
        ):
            picked = [
                fields.get(path, Choice(path, self.describer.field(path))) for path in step.get(name, ())
            ]
            rest = tuple(one for one in fields.values() if one not in picked)
            yield Field(name, label, "pickers", picked=tuple(picked), choices=rest, wide=True)
        acts = tuple(Choice(act, ApprovalAct[act].words) for act in ACTS)
        yield Field("acts", _("May"), "choices", choices=acts, picked=_of(acts, step.get("acts", ACTS)))
        yield Field("comment", _("Needs a comment"), "choices", choices=acts,
                    picked=_of(acts, step.get("comment", COMMENTED)),
                    help=_("Rejecting and sending back always need one."))  # fmt: skip
        targets = tuple(Choice(key, self.describer.step_name(key)) for key in self._earlier())
        yield Field("return_to", _("May send back to"), "choices", choices=targets,
                    picked=_of(targets, step.get("return_to", (SUBMITTER,))))  # fmt: skip

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
        step["name"] = _typed_name("", problems)
        put(step, "kind", "filing" if form.get("kind") == "filing" else None)
        self._take_seats(problems)
        for name in ("fields", "required"):
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
        put(step, "evidence", typed_documents("evidence", step.get("evidence", ()), problems))
        if problems:
            raise BadInput(problems)

    def _take_seats(self, problems: list[Problem]) -> None:
        for place, seat in enumerate(seats_of(self.step)):
            p = f"seat-{place}-"
            if f"{p}mode" not in request.form:
                continue
            if "seats" in self.step:
                seat["name"] = _typed_name(p, problems)
                put(seat, "optional", bool(request.form.get(f"{p}optional")))
                if not seat.get("optional"):
                    seat.pop("optional", None)
            seat["people"] = self.people.typed(p, seat.get("people", ()))
            mode = request.form[f"{p}mode"]
            put(seat, "mode", mode if mode != "any" and mode in [one.value for one in QuorumMode] else None)
            rejected = request.form.get(f"{p}rejected")
            put(seat, "rejected", rejected if rejected == "impossible" else None)
            counted = mode in {"n_of_m", "weight"}
            put(seat, "need", _typed_number(f"{p}need", problems) if counted else None)
            put(seat, "share", request.form.get(f"{p}share", "").strip() if mode == "ratio" else None)
            put(seat, "weights", _typed_weights(f"{p}weights", problems) if mode == "weight" else None)

    def _take_time(self, name: str, problems: list[Problem]) -> None:
        number, unit = _typed_number(f"{name}_n", problems), request.form.get(f"{name}_unit", "")
        text = f"{number}{unit if unit in SPANS else 'wd'}" if number else None
        if name != "time_out":
            put(self.step, name, text)
        elif text is None:
            self.step.pop("time_out", None)
        else:
            self.step["time_out"] = {**self.step.get("time_out", {}), "after": text}


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


def _typed_name(prefix: str, problems: list[Problem]) -> dict[str, str]:
    found = {tongue: request.form.get(f"{prefix}name_{tongue}", "").strip() for tongue in ("zh", "en")}
    for tongue, text in found.items():
        if not text:
            words = say("请填写中英文名称。", "Fill in the name in both languages.")
            problems.append(Problem(words, f"{prefix}name_{tongue}"))
    return found


def _typed_number(name: str, problems: list[Problem]) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not (found := values.whole(text, LARGEST_NUMBER)):
        problems.append(Problem(say("请填写正整数。", "Fill in a whole number from 1 on."), name))
    return found or None


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


# ---- kinds of file -----------------------------------------------------------------------------------------


def document_lines(prefix: str, title: str, found: Sequence[Body]) -> pages.LinesEditor:
    """The kinds of file that must be there; one empty line for another."""
    known = tuple(Choice(code, named.words) for code, named in codes.of_list("doc_type").items())

    def line(number: str, one: Body) -> tuple[Field, ...]:
        p = f"{prefix}-{number}-"
        others = (
            ()
            if one.get("type", "") in {"", *(k.value for k in known)}
            else (Choice(one["type"], tongues(one["name"])),)
        )
        return (
            Field(
                f"{p}type",
                _("Kind of document"),
                "choice",
                choices=(*known, *others),
                value=one.get("type", ""),
            ),
            Field(f"{p}count", _("How many"), "number", value=str(one.get("count", 1))),
        )

    rows = [line(str(number), one) for number, one in enumerate([*found, {}])]
    heads = (pages.Column("type", _("Kind of document")), pages.Column("count", _("How many"), numeric=True))
    return pages.LinesEditor(title, prefix, heads, tuple(rows), line("__n__", {}), add_label=_("Add a kind"))


def typed_documents(prefix: str, before: Sequence[Body], problems: list[Problem]) -> list[Body]:
    """The kinds of file that were chosen; what the form does not show of them stays."""
    kept = {one["type"]: one for one in before}
    names = codes.of_list("doc_type")
    found: list[Body] = []
    for number in _line_numbers(prefix, "type"):
        type_ = request.form.get(f"{prefix}-{number}-type", "")
        if type_ not in kept and type_ not in names:
            continue
        one = dict(
            kept.get(type_)
            or {"type": type_, "name": {"zh": names[type_].words.zh, "en": names[type_].words.en}}
        )
        count = _typed_number(f"{prefix}-{number}-count", problems) or 1
        put(one, "count", count if count > 1 else None)
        found.append(one)
    return found


def _line_numbers(prefix: str, name: str) -> list[str]:
    pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,4}})-{name}")
    return [found[1] for key in request.form if (found := pattern.fullmatch(key))][:MOST_LINES]


# ---- the flow itself ---------------------------------------------------------------------------------------


class FlowForm:
    """The form of what a flow says beside its steps."""

    def __init__(self, body: Body, errors: Mapping[str, Sequence[Words]] | None = None) -> None:
        self.body, self.errors = body, errors or {}
        self.describer = Describer(body)
        self.people = People(self.describer)

    def sections(self) -> tuple[Section, ...]:
        """Names, who submits what, what follows a rejection."""
        body, submit = self.body, self.body.get("submit", {})
        fields = {
            field.name: Choice(field.name, field.label)
            for field in fields_of(self.describer.model)
            if field.info.edit
        }
        required = [
            fields.get(path, Choice(path, self.describer.field(path))) for path in submit.get("required", ())
        ]
        return (
            Section("flow", _("Flow"), fields=(
                self._field("name_zh", _("Chinese name"), value=body["name"]["zh"], required=True, maxlength=80),
                self._field("name_en", _("English name"), value=body["name"]["en"], required=True, maxlength=80),
                self._field("article", _("Article of the policy"), value=body.get("article", ""), maxlength=80),
            )),
            Section("submit", _("Submission"), fields=(
                *self.people.inputs("submit-", submit.get("people", ()), _("Who may submit"),
                                    help=_("Empty: whoever has the right to submit such records.")),
                Field("required", _("Filled in before submission"), "pickers", picked=tuple(required), wide=True,
                      choices=tuple(one for one in fields.values() if one not in required)),
            )),
            Section("after", _("What follows"), fields=(
                _radio("on_reject", _("After a rejection"), ON_REJECT, body.get("on_reject", "end")),
                _radio("resubmit", _("After resubmission"), RESUBMIT, body.get("resubmit", "restart")),
            )),
        )  # fmt: skip

    def lines(self) -> pages.LinesEditor:
        """The parameters: thresholds the conditions name."""
        rows = [
            self._param(str(number), one) for number, one in enumerate([*self.body.get("params", ()), {}])
        ]
        heads = tuple(
            pages.Column(name, label)
            for name, label in (("zh", _("Chinese name")), ("en", _("English name")), ("value", _("Value")),
                                ("unit", _("Unit")))
        )  # fmt: skip
        return pages.LinesEditor(
            _("Parameters (thresholds)"),
            "param",
            heads,
            tuple(rows),
            self._param("__n__", {}),
            add_label=_("Add a parameter"),
        )

    def _param(self, number: str, one: Body) -> tuple[Field, ...]:
        p, name = f"param-{number}-", one.get("name", {})
        value, unit = _shown_value(one.get("value", ""))
        return (
            Field(f"{p}key", "", "hidden", value=one.get("key", "")),
            self._field(f"{p}zh", _("Chinese name"), value=name.get("zh", "")),
            self._field(f"{p}en", _("English name"), value=name.get("en", "")),
            self._field(f"{p}value", _("Value"), "number", value=value),
            Field(f"{p}unit", _("Unit"), "choice", required=True, value=unit,
                  choices=tuple(Choice(words.zh, words) for words in PARAM_UNITS)),
        )  # fmt: skip

    def _field(self, name: str, label: pages.Text, kind: pages.FieldKind = "text", **more: Any) -> Field:
        return Field(name, label, kind, errors=tuple(self.errors.get(name, ())), **more)

    def take(self) -> None:
        """Put what was typed into the document; raises `BadInput` naming the field."""
        form, body, problems = request.form, self.body, list[Problem]()
        body["name"] = _typed_name("", problems)
        put(body, "article", form.get("article", "").strip())
        submit = dict(body.get("submit", {}))
        put(submit, "people", self.people.typed("submit-", submit.get("people", ())))
        put(submit, "required", form.getlist("required"))
        put(body, "submit", submit)
        put(body, "on_reject", "return" if form.get("on_reject") == "return" else None)
        put(body, "resubmit", "resume" if form.get("resubmit") == "resume" else None)
        put(body, "params", list(self._typed_params(problems)))
        if problems:
            raise BadInput(problems)
        steps = body.pop("steps")
        body["steps"] = steps

    def _typed_params(self, problems: list[Problem]) -> Iterator[Body]:
        known = {param["key"] for param in self.body.get("params", ())}
        taken = [*known, *subjects.catalogue_of(subjects.subject_named(self.body["object_type"])).facts]
        for number in _line_numbers("param", "zh"):
            zh, en, value, unit, key = (
                request.form.get(f"param-{number}-{name}", "").strip()
                for name in ("zh", "en", "value", "unit", "key")
            )
            if not (zh or en or value):
                continue
            text = value.replace(",", "") + (unit if unit in {words.zh for words in PARAM_UNITS} else "")
            for name, typed in (("zh", zh), ("en", en)):
                if not typed:
                    words = say("请填写中英文名称。", "Fill in the name in both languages.")
                    problems.append(Problem(words, f"param-{number}-{name}"))
            try:
                read_number(text)
            except BadFormula as error:
                problems.append(Problem(error.words, f"param-{number}-value"))
            if key not in known:
                key = designing.key_from(f"limit {en}", taken, "limit")
                taken.append(key)
            yield {"key": key, "name": {"zh": zh, "en": en}, "value": text}


PARAM_UNITS = (*(UNITS[kind] for kind in UNITS), Words("万元", "10k CNY"), Words("", "-"))


def _shown_value(text: str) -> tuple[str, str]:
    """A written number as it is typed: the number, its unit."""
    found = re.fullmatch(r"\s*(-?[0-9.]*)\s*(.*?)\s*", text)
    number, unit = found.groups() if found else (text, "")
    return number, {"万": "万元", "CNY": "元"}.get(unit, unit) if text else UNITS_FIRST


UNITS_FIRST = "元"


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
    for number in range(min(values.whole(form.get("rows", "")) or 0, MOST_LINES)):
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
