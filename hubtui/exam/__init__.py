"""Is the course ready for an exam: questions with answers, and a probe of the whole way.

records      answers, the whole check
check        which exam, how many students, every question
subject      what the questions are asked about, looked at once
capacity     the arithmetic: how many servers fit into which memory
memory cpu logins place released guarded upkeep    the questions, by topic
remedies     what helps where memory is short, as commands for this machine
words        the check in one line
try_out      the plan: start, page, compute, stop
probe        the probe's server, asked as its own user
"""
