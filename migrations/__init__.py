"""The history of the schema, FAB's tables and ours in one line of revisions."""
