"""One render: its steps in their order, and what they share."""
