"""Bodies, headers and answers of the routes in the OpenAPI document: one module for each noun."""
