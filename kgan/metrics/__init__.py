"""Metrics: pure functions on arrays.

They raise `ValueError` on arrays of other shapes or values than they document.
"""
