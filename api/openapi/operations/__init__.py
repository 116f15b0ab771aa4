"""Request bodies and answers in the OpenAPI document, by what they are about."""
