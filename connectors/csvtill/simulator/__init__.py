"""A stand-in for a chain's legacy tills: journals out, price files in, a window to look at."""
