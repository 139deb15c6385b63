"""The watchdog: a look at the hub each minute, a restart where one helps, and what caused it.

records      the words and the records of all this
probes       four questions, each with its time limit: hub, proxy, both, the public address
scene        what was found: the answers, hub and proxy as processes, the machine
verdict      what that means; nothing is asked or changed here (judged: its record;
             judging_proxy: the same for the proxy alone)
web          what is wrong with the public address; pressure: what makes a hub late
rules        what follows: wait, look again, restart, call a person; back-off, exam, pause
restart      the hub started anew, as it runs here (ways: its unit, by hand, or a command);
             restart_plan: as a person asks for it, mending: as the check does it by itself
words        the sentences of all faces; calls: what whoever is called gets to read
check        one check from its lock to its last line; keeping: what is written down of it
live         the state of now, in /run; samples of the last hours
incidents    what was wrong and what was done, in state_dir, and restarts.log as it always was
hublog       the hub's own log: where it is, its end, what is new in it, followed
logfile      a log as a file, read with care; datedlogs: those with the time in their name, pruned
evidence     what is saved before a restart takes it away; collectors: the looks; scrub: what goes
causes       what a log says; catalogue: all causes, signatures, cures; cause: their records
naming       the likeliest cause from all evidence, or that nobody knows
telling      evidence as sections of lines
history      every restart that is known; oldlog: those of old scripts, unitlog: of systemd
patterns     by cause, hour and weekday
"""
