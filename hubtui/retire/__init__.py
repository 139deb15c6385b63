"""Retire: the accounts and data of a year go, archived, verified, with a receipt.

choose       by name, or by a rule
checks       who must not go, and why
plan         the plan and its chains
steps        switching off, and the hub's user; ending: the account and all that names it
fence        root's own folder, into which homes are moved before root looks into them
archive      what is in a home, verified
home         what is in the archive goes
strays       what lies outside of the home, archived and gone
kept         records without names, and archives until their date
restore      back within the grace
due          who is due goes
overdue      who should be gone and is still here
closing      the last chain, and what is left to do once a run is over
gone forget  names as words; every place that may hold one
receipt      what went, what is kept, what is not covered (receipt_text: as Markdown)
records      a leaver as it was when the plan opened; what came of it
"""
