"""The largest pictures that are made and read."""

from typing import Final

# Chromium holds 4 bytes for each device pixel, several times over while it encodes: 40 million are about
# 160 MB a copy. A 4K window at scale 2 is 33 million.
MAX_DEVICE_PIXELS: Final = 40_000_000
# An AVIF takes up to 30 bytes of memory for each pixel while it is encoded, and 0.1 s for each million.
MAX_AVIF_PIXELS: Final = 16_000_000
