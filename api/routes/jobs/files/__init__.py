"""Calls for the files of a job."""
