"""The blocking client: methods that carry out operations and return when they are done."""
