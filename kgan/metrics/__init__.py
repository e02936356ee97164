"""Metrics: pure functions on arrays.

`generated` and `reference` are feature vectors, floats [N, F] and [M, F], where nothing else is
said. All functions raise `ValueError` on arrays of other shapes or values than they document.
"""
