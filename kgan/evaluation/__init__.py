"""What can be measured of a trained model, each kind in its own file.

`choose` asks every kind whether it fits a model and its data. A new kind is a new file with a
`fitting` function, and a line in `KINDS` of `kgan/evaluation/selection.py`.
"""
