"""Reading and writing spreadsheets."""
