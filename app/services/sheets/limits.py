"""How large a file may be and how much a parser may spend on it (R12)."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, rows of data, columns, seconds. The child's CPU and the time the parent waits grow with the rows read."""

    bytes: int
    rows: int
    columns: int
    inflated: int
    memory: int
    seconds: float
    seconds_per_100k: float
    ratio: int = 100
    members: int = 1_000
    fast_cells: int = 3_000_000
    """Up to here calamine may hold the whole sheet in memory (some 90 bytes a cell)."""

    def seconds_for(self, rows: int) -> float:
        """What reading this many rows may take."""
        return self.seconds + rows * self.seconds_per_100k / 100_000


SCREEN = Limits(
    bytes=25 * MB,
    rows=50_000,
    columns=200,
    inflated=64 * MB,
    memory=512 * MB,
    seconds=18,
    seconds_per_100k=0,
)
LARGE = Limits(
    bytes=100 * MB,
    rows=1_200_000,
    columns=200,
    inflated=512 * MB,
    memory=1024 * MB,
    seconds=20,
    seconds_per_100k=30,
    fast_cells=6_500_000,
)
