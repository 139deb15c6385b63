"""hubtui on this server, each part shown first, verified after, and taken back by uninstall.

guided       all parts as one plan; stages: a change that goes back where a part of it fails
files        files of root's and commands; folders: whose they are, and who may enter
minutely     by a timer of systemd, else by cron: timers, watchdog_unit; tutors: their way in
token        the hub's token; hub_snippet: the block in the hub's configuration, hub_load: the hub's
             own Python loads it first; token_off: back again
others_files course_line   files that are not ours, replaced whole; the line in course.yaml
restarters takeover        who else restarts the hub; from an old script to the watchdog
hub_unit hub_switch        from a hub by hand to its unit
"""
