"""Buckets of histograms."""

from typing import Final

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
MEMORY: Final = tuple(mib * 1024 * 1024 for mib in (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048))
