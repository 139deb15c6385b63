"""Setting up: init writes course.yaml, doctor says what is wrong, install writes what root runs.

reading      files of other programs, read as root only where no person could have put them
hubconfig    the hub's own configuration, read as text and never executed
hubprocess   the hub that runs, and the versions in its environment
oldscripts   what the scripts say that ran the course before
addresses    hub, proxy and what students open
discover     all that together: each value with where it came from
init         the file that comes of it
install      files of root's and what is run then; minutely: by a timer or by cron
timers tutors watchdog_unit hub_unit    what can be installed
stages       a change that goes back where one of its parts fails
restarters crontab → takeover           who else restarts the hub; its place taken by the watchdog
hub_switch   from a hub by hand to its unit, and back
subject      what the checks look at
check_*      the checks, by topic
doctor       runs them
"""
