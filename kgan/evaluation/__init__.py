"""Evaluations of trained models, one module each.

Each evaluation says which models and datasets it fits. A new one is a new module with `NAME`,
`LOWER_IS_BETTER` and `make_task`, and an entry of `selection.EVALUATIONS`.
"""
