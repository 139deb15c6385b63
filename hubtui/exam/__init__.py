"""Before an exam: does everybody fit, can everybody log in, and does it really work."""
