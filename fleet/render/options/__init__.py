"""The options of a render, one file for each group; what they do is in worker/render/steps."""
