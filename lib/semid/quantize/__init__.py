"""Quantizers: from vectors to tuples of codes, coarse to fine. One technique, one file."""
