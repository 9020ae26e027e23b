"""The small typed language of conditions, formulas and decision tables: approvals, filters, duties, evaluation.

Where to find what:

- `catalogue`: `Fact`, `Catalogue`: what a formula may speak of. `kinds`: types, units, raw and model values.
- `checking`: `parse(text, catalogue, expects)`, `load(document, …)`, `Formula.document()`.
- `evaluating`: `evaluate`, `holds` (filters), `decides` (routing), `evaluator` (many subjects).
- `sql`: `sql(formula, columns)`. `wording`: `words(formula)`, `text(formula, tongue)`. `explaining`: `explain`.
- `tables`: `read_cell`, `together`. `covering`: `cover(branches)`, `satisfiable`. `rows`: builder rows.
- `operators`: every operator, and how to add one. `problems`: `BadFormula`, `UnknownValue`.
"""
