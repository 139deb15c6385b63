"""Every change is a plan first: steps in chains, confirmed, then run in a process of its own.

steps    Step and Chain: say, done, do, verify
plans    Plan: what was confirmed, with its subjects as they were; ``plans/ID.json``
journal  what was done, by whom, when; ``journal/2026-11.jsonl``
locks    one writer per thing
runs     a plan being carried out: start it, follow it, cancel it, find what a kill left
execute  the loop inside the run's own process
"""
