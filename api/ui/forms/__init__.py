"""Forms that are made from a schema: an option that is added to the schema gets its field by itself."""
