"""Measurements on small arrays: codes, drift, the gate, retrieval."""
