"""Packs as they lie in their folders: YAML read strictly, every entry with its file and line.

Only `true` and `false` are truth values (a code `no` or a key `on` stays a word), a key written twice is an error, and
a number with decimals is kept as it is written: nothing is ever a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.errors import BadInput, NotFound, Problem
from app.words import Words, say

SHIPPED = Path(__file__).parents[2] / "packs"
"""The folder of the packs that come with the product."""

HEAD = "pack.yaml"
HEAD_WORDS = frozenset({"code", "zh", "en", "version", "requires", "source"})
CODE = re.compile(r"[a-z][a-z0-9_-]{0,59}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a pack: what it says, and where it stands."""

    kind: str
    body: dict[str, Any]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a pack: the file, the entry (its code, or its line) and a sentence."""

    file: str
    entry: str
    words: Words

    @property
    def sentence(self) -> Words:
        return say(
            "{file}，{entry}：{words}",
            "{file}, {entry}: {words}",
            file=self.file,
            entry=self.entry,
            words=self.words,
        )


@dataclass(frozen=True)
class Pack:
    """A folder of configuration: who it is, which packs it builds on, and its entries in the order of the files."""

    code: str
    folder: Path
    name: Words
    version: str
    requires: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    trusted: bool = False
    """Whether versioned things (flows, schemes) of it may be published at once: those of shipped packs."""

    kinds: tuple[str, ...] = field(default=())

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]


_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser written in C, which every wheel of PyYAML brings, reads packs ten times as fast."""


class _Strict(_Safe):  # type: ignore[misc]
    """YAML without its traps."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:int"}
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's)
        written = [key.value for key, _value in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = {key for key in written if written.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {min(twice)!r} stands twice", node.start_mark
            )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


_Strict.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789")
)
_Strict.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789")
)
_Strict.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: str(node.value))


def shipped() -> list[str]:
    """The codes of the packs that come with the product."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{HEAD}"))


def folder_of(name: str) -> Path:
    """The folder of a shipped pack by its code, or of any pack by its path. Raises NotFound."""
    for folder in (SHIPPED / name if CODE.fullmatch(name) else None, Path(name)):
        if folder is not None and (folder / HEAD).is_file():
            return folder
    raise NotFound(say("没有名为“{name}”的制度包。", "There is no pack '{name}'.", name=name))


def read(name: str) -> Pack:
    """The pack of this code or path, with what is wrong with its files as findings. Raises NotFound."""
    folder = folder_of(name)
    findings: list[Finding] = []
    head = _head(folder, findings)
    entries = [entry for file in _files(folder) for entry in _entries(folder, file, findings)]
    return Pack(
        code=str(head.get("code") or folder.name),
        folder=folder,
        name=Words(str(head.get("zh") or folder.name), str(head.get("en") or folder.name)),
        version=str(head.get("version") or "1"),
        requires=tuple(head.get("requires") or ()),
        entries=tuple(entries),
        findings=tuple(findings),
        trusted=folder.resolve().parent == SHIPPED.resolve(),
        kinds=tuple(dict.fromkeys(_kind_of(folder, file) for file in _files(folder))),
    )


def _head(folder: Path, findings: list[Finding]) -> dict[str, Any]:
    node = _node(folder / HEAD, HEAD, findings)
    head = _built(node, HEAD, findings) if node is not None else None
    if not isinstance(head, dict):
        if node is not None:
            findings.append(Finding(HEAD, "1", NO_MAPPING))
        return {}
    findings += [
        Finding(HEAD, name, say("缺少“{name}”。", "'{name}' is missing.", name=name))
        for name in ("code", "zh", "en")
        if not head.get(name)
    ]
    if str(head.get("code") or folder.name) != folder.name:
        findings.append(
            Finding(HEAD, "code", say("编号应与文件夹名称相同。", "The code must be the name of the folder."))
        )
    findings += [Finding(HEAD, str(name), UNKNOWN_KEY) for name in sorted(set(head) - HEAD_WORDS)]
    return head


def _files(folder: Path) -> list[Path]:
    """`kind.yaml` and `kind/*.yaml`, in order of their names."""
    found = [file for file in [*folder.glob("*.yaml"), *folder.glob("*/*.yaml")] if file.name != HEAD]
    return sorted(found, key=lambda file: file.relative_to(folder).as_posix())


def _kind_of(folder: Path, file: Path) -> str:
    return file.relative_to(folder).parts[0].removesuffix(".yaml")


def _entries(folder: Path, file: Path, findings: list[Finding]) -> Iterator[Entry]:
    """A file holds a list of entries, or groups of entries (`group: [entries]`), or one entry in a kind's folder."""
    place = file.relative_to(folder).as_posix()
    kind = _kind_of(folder, file)
    node = _node(file, place, findings)
    if node is None:
        return
    for group, part in _parts(node, single=file.parent != folder):
        line = part.start_mark.line + 1
        body = _built(part, place, findings)
        if body is None:
            continue
        if not isinstance(body, dict):
            findings.append(Finding(place, say_line(line), NO_MAPPING))
            continue
        yield Entry(kind, {"group": group, **body} if group else body, place, line)


def _parts(node: yaml.Node, *, single: bool) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        yield from (("", part) for part in node.value)
    elif isinstance(node, yaml.MappingNode) and not single:
        for key, value in node.value:
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from ((str(key.value), part) for part in parts)
    else:
        yield "", node


def _node(file: Path, place: str, findings: list[Finding]) -> yaml.Node | None:
    try:
        with file.open(encoding="utf-8") as text:
            return yaml.compose(text, Loader=_Strict)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        findings.append(_unreadable(place, error))
        return None


def _built(node: yaml.Node, place: str, findings: list[Finding]) -> Any:
    loader = _Strict("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        findings.append(_unreadable(place, error))
        return None
    finally:
        loader.dispose()


def read_document(text: str) -> Any:
    """One document from its text, read as strictly as those of packs; raises `BadInput` naming the line.

    References (`*name`) are refused: what they lead to could be without end.
    """
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Strict)):
            raise BadInput([Problem(NO_REFERENCES, "file")])
        found = yaml.load(text, Loader=_Strict)  # noqa: S506 (a safe loader, made stricter)
        json.dumps(found)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        told = _unreadable("file", error)
        words = say("{at}：{why}", "{at}: {why}", at=told.entry, why=told.words)
        raise BadInput([Problem(words, "file")]) from error
    return found


def _unreadable(place: str, error: Exception) -> Finding:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    words = say("无法读取：{reason}", "It cannot be read: {reason}", reason=reason)
    return Finding(place, say_line(mark.line + 1) if mark else "-", words)


def say_line(line: int) -> str:
    """An entry without a code is named by its line."""
    return f"#{line}"


NO_REFERENCES = say("不接受引用（*名称）。", "References (*name) are not read.")
NO_MAPPING = say("应为一组“键: 值”。", "It must be a set of 'key: value' lines.")
UNKNOWN_KEY = say("未知的键。", "This key is unknown.")
