"""The lives of the record types, one module per area; importing this package registers them all."""

from app.workflows.definitions import (
    admission,
    commercial_term,
    contract,
    customer,
    eval_appeal,
    export_request,
    incentives,
    key_list,
    need,
    plan,
    policy_document,
    publication,
    sales_document,
    service_case,
    task,
    visit,
)

__all__ = [
    "admission",
    "commercial_term",
    "contract",
    "customer",
    "eval_appeal",
    "export_request",
    "incentives",
    "key_list",
    "need",
    "plan",
    "policy_document",
    "publication",
    "sales_document",
    "service_case",
    "task",
    "visit",
]
