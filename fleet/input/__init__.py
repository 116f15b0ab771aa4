"""Reading what callers and operators wrote: their words for ours, and what is wrong with it."""
