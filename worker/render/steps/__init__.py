"""What the options do, one file for each group; the options themselves are in fleet/render/options."""
