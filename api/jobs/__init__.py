"""Jobs as the API follows them: handed over, waited for, told as events."""
