"""The whole schema, in reading order: the table of contents over `app/schema/`, and the one place to import from.

What a row is, what its fields are called in both languages, and which rules the database keeps. No behaviour here.

To add a field: one line in its table, then `make migration`. It appears in list, page, form, filter, import
template, API and audit with its label. To add a record type: a table in its area, its view in `app/views/`, its grants
in `app/packs/base/roles.yaml`.
"""

from app.schema.common import *
from app.schema.people import *
from app.schema.configuration import *
from app.schema.customers import *
from app.schema.trade import *
from app.schema.contracts import *
from app.schema.care import *
from app.schema.needs import *
from app.schema.plans import *
from app.schema.policies import *
from app.schema.dealings import *
from app.schema.files import *
from app.schema.approvals import *
from app.schema.evaluation import *
from app.schema.incentives import *
from app.schema.inspections import *
from app.schema.operations import *
from app.schema.exports import *
