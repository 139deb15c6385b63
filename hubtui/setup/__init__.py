"""Setting up: init writes a course.yaml from what is here, doctor says what is wrong.

reading      files of other programs, read as root only where no person could have put them
hubconfig    the hub's own configuration, read as text and never executed
hubprocess   the hub that runs, and the versions in its environment
oldscripts   what the scripts say that ran the course before
addresses    hub, proxy and what students open
discover     all that together: each value with where it came from
init         the file that comes of it
subject      what the checks look at
check_*      the checks, by topic
doctor       runs them
"""
