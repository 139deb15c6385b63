"""The command line: nouns, then verbs; one file a noun. No logic of the course lives here."""
