"""The glance: is everything all right, and if not, what to do.

records      lines, parts, the whole
gather       the sources looked at at once, each in a thread with its own time limit
sources      which there are, in the order of the screen
hub machine students signups release watchdog certificate    one module each: its line, its findings
exam_line    the exam check in a sentence, while an exam is near
put_off      findings that somebody put off until a date
"""
