"""Requests to TensorFlow Serving, for `kgan.client`; nothing here imports TensorFlow."""
