"""The library timed against its peers, in pairs on the same arrays: ratios, never absolute times."""
