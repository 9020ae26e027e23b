"""Lives and processes: what moves a record, and who decides on it."""
