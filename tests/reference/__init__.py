"""What docs/ has of the code itself: the man page and the references. ``bin/docs`` writes them."""
