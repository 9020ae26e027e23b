"""Numbers as they are written: a prefix, the year, and a count that starts again with it."""

from __future__ import annotations

from app.extensions import company, db, transaction
from app.models import NumberSeries
from app.services import access, numbering
from app.services.numbering import Series


def test_a_number_has_its_prefix_and_starts_again_each_year(in_app):
    this_year = company.today().year
    yearly, endless = Series("t_yearly", "HT{year}-{n:04d}"), Series("t_endless", "C{n:06d}")
    with access.acting(access.SYSTEM), transaction():
        for kind in (yearly.kind, endless.kind):
            db.session.add(NumberSeries(kind=kind, scope="", year=this_year - 1, last=41))
        db.session.add(NumberSeries(kind=endless.kind, scope="", year=0, last=41))
        db.session.flush()
        assert [numbering.take(yearly) for _ in range(2)] == [f"HT{this_year}-0001", f"HT{this_year}-0002"]
        assert numbering.take(endless) == "C000042"
        assert numbering.take(yearly, scope="east") == f"HT{this_year}-0001"
