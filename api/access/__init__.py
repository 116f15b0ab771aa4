"""Who calls, and whether they may: keys, signed links, rates, quotas."""
