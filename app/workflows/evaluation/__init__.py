"""The evaluation engine: measures over declared sources, indicators, schemes, runs, publication, explanation.

`schemes.load` reads a scheme document, `runs.start` and `runs.compute` run it, `reading` gives results as far as the
reader sees their subjects, `publishing.publish` makes grades current, `explaining.explain` says why, `comparing.compare`
sets two runs side by side.
"""

from __future__ import annotations

from app.workflows.evaluation import packing, runs

__all__ = ["packing", "runs"]
