"""Drift: where sign-up, hub user, account, home, group and roster disagree.

records    what a drift is: its row in the table, one sentence, how it is mended
hub        sign-ups and users of the hub against accounts
accounts   course accounts against their homes, groups, lines in /etc
lines      lines, locks and folders that are nobody's
live       what no survey shows: processes, mounts, strays, the hub's configuration
table      all of it: quick, from a survey; whole
"""

from hubtui.drift.table import Found, look, quick, whole

__all__ = ["Found", "look", "quick", "whole"]
