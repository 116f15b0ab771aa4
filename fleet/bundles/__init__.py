"""Bundles: the files that a caller has uploaded for a page, sealed, in S3."""
