"""What every simulator shares: a small store that survives kill -9, faults on demand, a window.

A simulator is an aiohttp application in a process of its own. It imports nothing of the hub.
"""
