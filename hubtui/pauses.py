"""Pause and exam: when the watchdog keeps still, and when everything else does.

Both live in ``state_dir`` and survive a reboot. Exams come from ``exam.dates`` in course.yaml, and
from ``hubtui watchdog exam FROM-TO``.
"""
