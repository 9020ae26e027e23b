"""Rules: plain functions over rows, one module per area; nothing of the web."""
