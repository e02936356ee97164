"""Data sources, opened by name, and the pipeline that makes batches of them."""

from kgan.data.collection import Collection, Pictures, Source, Spec, spec_of
from kgan.data.opening import open_dataset

__all__ = ["Collection", "Pictures", "Source", "Spec", "open_dataset", "spec_of"]
