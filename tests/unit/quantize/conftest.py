"""Fixtures of the quantizers' tests."""

from tests.clusters import clustered

__all__ = ["clustered"]
