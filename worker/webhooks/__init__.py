"""Delivers webhooks: sender.py takes what is due, signing.py signs, posting.py sends, schedule.py decides."""
