"""Setting up: init writes course.yaml, doctor says what is wrong, install makes hubtui part of it.

discover     what others wrote on this server (hubtui.reads): each value with where it came from
answers      what nobody can find out
init         the file that comes of it
checks/      what doctor looks at, by topic
doctor       runs them; fixes: what of it is mended without harm
install/     what root runs each minute, the token, the tutors' way in: one plan, and back
"""
