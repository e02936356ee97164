"""Data sets that need no download, each with a function that opens it.

Arguments of these functions: `images`, size and channels; `seed`, not negative, another one gives
another data set; the number of examples of a part. No example is in two parts. What is rendered is
a function of (seed, number of the example, height, width).
"""
