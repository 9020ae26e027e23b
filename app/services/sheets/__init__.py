"""Spreadsheets in and out: foreign files read in a limited child process, our own written so that nothing in them runs."""

from app.services.sheets.cells import Cell, Flagged, RawRow, address, written
from app.services.sheets.cleaning import Cleaned, cleaned_code, cleaned_name, cleaned_text
from app.services.sheets.facts import FileFacts, Kind, inspect
from app.services.sheets.limits import LARGE, SCREEN, Limits
from app.services.sheets.reader import Sheet, read
from app.services.sheets.reasons import Flaw, Reason, Unreadable
from app.services.sheets.writer import Column, write_csv, write_xlsx

__all__ = [
    "LARGE",
    "SCREEN",
    "Cell",
    "Cleaned",
    "Column",
    "FileFacts",
    "Flagged",
    "Flaw",
    "Kind",
    "Limits",
    "RawRow",
    "Reason",
    "Sheet",
    "Unreadable",
    "address",
    "cleaned_code",
    "cleaned_name",
    "cleaned_text",
    "inspect",
    "read",
    "write_csv",
    "write_xlsx",
    "written",
]
