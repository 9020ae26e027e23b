"""Companies that stay for several runs of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import evaluations, pages, servers
from bench.approvals import MakeUrl

BUILT = ("pages", "evaluations")
"""The benchmarks that can be asked of what is kept: building takes longer than measuring."""


@dataclass(frozen=True)
class Kept:
    """The companies of one database, and the process of its server; 0 where it has none of its own."""

    server: int = 0
    pages: list[pages.Site] = field(default_factory=list)
    evaluations: list[evaluations.Site] = field(default_factory=list)

    @classmethod
    def build(
        cls,
        kind: str,
        url_of: MakeUrl,
        folder: Path,
        size: pages.Size,
        names: Collection[str],
        *,
        server: int = 0,
    ) -> Kept:
        """What the named benchmarks need."""
        return cls(
            server,
            pages.build(kind, url_of, folder, size) if "pages" in names else [],
            [evaluations.build(kind, url_of, folder, size.customers)] if "evaluations" in names else [],
        )

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), ensure_ascii=False, default=str))

    @classmethod
    def read(cls, file: Path) -> Kept:
        held = json.loads(file.read_text())
        return cls(
            held["server"],
            [pages.Site(**_placed(site)) for site in held["pages"]],
            [evaluations.Site(**_placed(site)) for site in held["evaluations"]],
        )

    def measure(self, kind: str, size: pages.Size, names: Collection[str]) -> bool:
        """The figures of the named benchmarks; whether every gate was held."""
        within = True
        if self.pages and "pages" in names:
            within &= pages.measure(kind, self.pages, self._processor, size)
        if self.evaluations and "evaluations" in names:
            within &= evaluations.measure(kind, self.evaluations[0], size.customers, self._processor)
        return within

    def _processor(self) -> float:
        return servers.processor_of(self.server) if self.server else 0.0


def _placed(site: dict[str, Any]) -> dict[str, Any]:
    return {**site, "folder": Path(site["folder"])}
