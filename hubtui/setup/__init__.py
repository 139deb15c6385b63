"""Setting up: init writes a course.yaml from what is here, doctor says what is wrong.

hubconfig   the hub's own configuration, read as text and never executed
discover    what can be found out about this server
init        the file that comes of it
doctor      the checks, each with what mends it
"""
