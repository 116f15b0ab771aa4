"""Schedules: jobs at the times of a cron expression."""
