"""Tills of three makers that write POSLog files into a folder."""
