"""Semantic IDs for an item catalog, as versioned tables on Delta Lake."""

__version__ = "0.1.0"
