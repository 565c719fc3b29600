"""Systems that speak files: places to find and leave them, and what every file has to pass."""
