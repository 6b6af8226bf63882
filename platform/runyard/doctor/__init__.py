"""Says of a cluster what of Runyard will work on it, what will not, and what to do about it."""
