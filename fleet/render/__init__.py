"""The request for one render: its schema, how it is stored, and how a signed link expresses it."""
