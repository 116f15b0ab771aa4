"""The options of a render, one pydantic group a file; worker/steps has a file of the same name for each."""
