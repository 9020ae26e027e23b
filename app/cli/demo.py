"""`guanhu demo`: a believable company in an empty database, and the accounts to look at it with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from flask import current_app
from werkzeug.security import generate_password_hash

from app.cli.accounts import new_password
from app.cli.base import instance_folder, report, stop, with_app
from app.cli.packs import load_all
from app.errors import Refusal
from app.extensions import transaction
from app.services import demo as company
from app.words import say
from app.workflows import demo as at_work, demo_requests
from app.workflows.definitions import admission, contract, customer, service_case

FILE = "demo-accounts.txt"
SERIES = {
    "customer": customer.CODES,
    "admission": admission.NUMBERS,
    "contract": contract.NUMBERS,
    "service_case": service_case.NUMBERS,
}


@click.command()
@click.option("--size", type=click.Choice(list(company.SCALES)), default="small", help="How much of it.")
@click.option("--if-empty", is_flag=True, help="Where there is data already, only print the demo accounts.")
@with_app
def demo(*, size: str, if_empty: bool) -> None:
    """Put a believable company into an empty database; everything in it is invented."""
    if if_empty and not company.is_empty():
        tell()
        return
    make(size)
    tell()


def make(size: str = "small") -> None:
    """Load the packs, make the company, write its accounts down. Raises Refusal in production or where data is."""
    if current_app.config["GUANHU_ENV"] == "production":
        raise Refusal(
            say(
                "生产环境（GUANHU_ENV=production）不装入演示数据。",
                "There is no demo data in production (GUANHU_ENV=production).",
            )
        )
    password = new_password()
    hashed = generate_password_hash(password)
    if not company.is_empty():
        stop(
            say(
                "数据库中已有客户或员工，演示公司只能装入空数据库。",
                "The database already holds customers or employees: the demo company goes into an empty one.",
            )
        )
    load_all(company.PACKS)
    with transaction():
        company.build(size, hashed, SERIES)
    _write_down(password)
    at_work.walk()
    demo_requests.walk()
    at_work.evaluate()


def _write_down(password: str) -> None:
    """Keep the accounts and their password where only the owner of the instance reads them."""
    lines = [f"# {current_app.config['BASE_URL']}  {password}"]
    lines += [
        f"{account.username}\t{password}\t{account.role}\t{account.name}" for account in company.accounts()
    ]
    path = accounts_file()
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def accounts_file() -> Path:
    return instance_folder() / FILE


def tell() -> None:
    """Print the demo accounts, while their file is there."""
    path = accounts_file()
    if not path.exists():
        return
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line]
    rows: list[dict[str, Any]] = [
        {"account": username, "password": password, "role": role, "name": name}
        for username, password, role, name in lines
    ]
    report(rows, as_json=False)


COMMANDS = [demo]
