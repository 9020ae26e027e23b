"""What is written about the product is true of it."""

from __future__ import annotations

import re
from pathlib import Path

from deploy import schema_doc

CHECKOUT = Path(__file__).resolve().parent.parent


def test_the_page_of_the_schema_is_fresh():
    assert schema_doc.TARGET.read_text(encoding="utf-8") == schema_doc.text(), (
        "run `python deploy/schema_doc.py`"
    )


def test_every_test_named_in_the_docs_exists():
    for page in [*CHECKOUT.glob("docs/*.md"), CHECKOUT / "README.md"]:
        for name in re.findall(r"`(tests/[\w/]+\.py)`", page.read_text(encoding="utf-8")):
            assert (CHECKOUT / name).exists(), f"{page.name} names {name}"


def test_every_file_named_in_the_readme_exists():
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:app|docs|deploy|bench)/[\w/.-]+)`", text):
        assert (CHECKOUT / name).exists(), name
