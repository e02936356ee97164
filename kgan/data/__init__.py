"""Data sets: sources with random access, opened by name, and the pipeline of batches."""
