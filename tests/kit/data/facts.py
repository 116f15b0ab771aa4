"""Facts about a picture, for tests that store none."""

from fleet.jobs.facts import ArtifactFacts

PICTURE = ArtifactFacts("image/png", size_bytes=3, sha256="00")
