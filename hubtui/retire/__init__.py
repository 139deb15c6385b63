"""Retire: the accounts and data of a year go, archived, verified, with a receipt.

records      a leaver as it was when the plan opened; what came of it
"""
