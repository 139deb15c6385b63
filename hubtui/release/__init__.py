"""The weekly release: what a tutor wrote comes to every student, and nobody loses a line.

source       who may read ``release.source``, and what is in it, by a process that is the tutor
store        versions of sheets as they were handed out, in folders that root alone can enter
snapshot     a sheet becomes a version
sheets       how the source stands to what was released
desk         the parent's end of the process that acts as the students
handout      what one student gets: looked at, given, or taken back
ledger       which version each student was given
"""
