"""Repair: what drifted is mended by a plan, where that is safe or a person has chosen.

plan         the plan; which steps mend which row of the table
records      a drift as it was when the plan opened
ground       looked at again under the lock: account, home
accounts     half-made accounts, groups, locks
hub          sign-ups, hub users, servers
homes        missing, open, without an account
ownership    a home of another uid changes hands
archiving    what a gone uid left, by the steps of retiring
lines        roster, lines of /etc, lock files
notes        what to read before saying yes
"""
