"""What diversification gains and costs: the tables of docs/diversification.md, and its plot.

Usage: diversify.py WAREHOUSE [--slates 200] [--published] [--plot FILE.svg]
A slate is the 500 contents nearest to a content drawn by a seed; relevance is the cosine, 50 are shown, the window is 10. Codes are
those of residual k-means, 3 x 256, fitted to all contents, or with --published the warehouse's own. Relevance kept is the summed
cosine of what is shown over that of the first 50. Then seconds per slate, in turns, the least of five.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from codes import read_catalog

from semid.downstream.ssd import PrefixTerm, SpectrumTerm, Term, rerank
from semid.measure.diversity import distinct_prefixes, relevance_kept, window_similarity
from semid.measure.interval import of_means
from semid.quantize.quantizers import quantizer
from semid.report.charts import Heading, Series, legend, scatter_lines

CANDIDATES, SHOWN, WINDOW, BATCH, TURNS = 500, 50, 10, 50, 5
POLICIES = [(0.0, 0.0), (1.0, 0.0), (0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (3.0, 1.0)]
"""(gamma, prefix weight) of the table in the notes that this remakes."""
CURVES = {
    "prefix penalty": [(0.0, weight) for weight in (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)],
    "SSD*": [(gamma, 0.0) for gamma in (0.0, 1.0, 3.0, 6.0, 10.0, 15.0)],
    "both, gamma 1": [(1.0, weight) for weight in (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)],
}


@dataclass(frozen=True)
class Slates:
    """Candidates of s slates: relevance (s, n), codes (s, n, levels), vectors (s, n, d)."""

    relevance: np.ndarray
    codes: np.ndarray
    vectors: np.ndarray
