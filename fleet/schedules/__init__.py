"""Schedules, and the jobs that are made at the times of their cron expressions."""
