"""The demo: a sandbox with its own /etc and /home, a real hub in it, and a class that signs up.

``sandbox``, ``inside``, ``etc`` and ``attend`` use the standard library alone, so that they start
fast and run wherever Python does.
"""
