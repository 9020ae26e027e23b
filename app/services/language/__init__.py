"""The small typed language of conditions, formulas and decision tables."""
