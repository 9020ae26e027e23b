"""Taking records out from the command line: the same path, the same rights and the same limit as on the screen."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import click
from werkzeug.datastructures import MultiDict

from app.cli.base import BAD_USAGE, as_user, report, reports, stop
from app.extensions import transaction
from app.services import exports, records, saved_views
from app.views.lists import columns_of, query_of
from app.words import say
from app.workflows import exporting


@click.command()
@click.argument("resource")
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file, .xlsx or .csv.",
)
@click.option("--view", metavar="NAME", help="A saved view of the list: its conditions and columns.")
@click.option(
    "--query", default="", metavar="ARGS", help="The list's address after `?`: in.status=active&q=…"
)
@click.option("--columns", metavar="A,B", help="The columns by name; else those of the view, or all.")
@click.option(
    "--reason", default="", metavar="TEXT", help="What for: files a request when the limit is exceeded."
)
@reports
@as_user
def export(
    *,
    resource: str,
    target: Path,
    view: str | None,
    query: str,
    columns: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Write the records of a list to a file. RESOURCE is customer, contact, order and so on.

    What is more than the person may take out without asking is refused, or asked for with --reason.
    """
    form = target.suffix[1:].lower()
    if form not in exports.FORMS:
        stop(say("文件名须以 .xlsx 或 .csv 结尾。", "The file must end in .xlsx or .csv."), BAD_USAGE)
    model = records.model_named(resource)
    args = MultiDict(parse_qsl(query or (_view(resource, view) if view else "")))
    asked = query_of(model, args)
    names = columns.split(",") if columns else [field.name for field in columns_of(model, args)] or None
    what = exports.taken(asked, names)
    try:
        count = exports.write(what, target, form, reason=reason)
    except exports.OverLimit:
        if not reason.strip():
            raise
        with transaction():
            wish = exporting.Wish(asked, tuple(field.name for field in what.fields), form, reason)
            request = exporting.ask(wish)
            line = {"request": request.id, "rows": request.rows_counted, "status": request.status.value}
        report([line], as_json=as_json)
        return
    report([{"resource": resource, "rows": count, "file": str(target)}], as_json=as_json)


def _view(resource: str, name: str) -> str:
    """The address of a saved view this person is offered; ends the command when there is none."""
    found = next((one.view.query for one in saved_views.offered(resource) if one.view.name == name), None)
    if found is None:
        stop(say("没有名为“{name}”的视图。", "There is no view '{name}'.", name=name), BAD_USAGE)
    return found


COMMANDS = [export]
