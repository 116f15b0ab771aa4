"""Lists of advertisements and trackers: how they are read, stored, shipped and updated."""
