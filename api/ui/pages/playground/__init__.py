"""The playground: a form with every option of a render, its result, and the code that makes the same call."""
