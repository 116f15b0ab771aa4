"""Forms that grow out of a schema: an option that is added to the schema has its field at once."""
