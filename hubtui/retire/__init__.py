"""Retire: the accounts and data of a year go, archived, verified, with a receipt.

choose       by name, or by a rule
checks       who must not go, and why
plan         the plan and its chains
steps        switching off; ending the account and all that names it
restore      back within the grace
due          who is due goes
records      a leaver as it was when the plan opened; what came of it
"""
