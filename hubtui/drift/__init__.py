"""Drift: where sign-up, hub user, account, home, group and roster disagree.

records      what a drift is: its row in the table, one sentence, how it is mended
accounts     of the course's accounts
"""
