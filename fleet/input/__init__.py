"""Reading what callers and operators wrote: names of other products, and messages about errors."""
