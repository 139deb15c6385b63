"""Calling people: by mail, by a command, or by one webhook; one message an incident."""
