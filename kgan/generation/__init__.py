"""Images from runs, for `kgan.generate`.

Arguments of all functions: `run`, a run folder; `out`, where to write, None for a place in the run;
`checkpoint`, one of `auto`, `best` and `last`.
"""
