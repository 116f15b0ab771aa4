"""The options of a render, one pydantic group a file; what each does: the file of that name in worker/steps."""
