"""What the documentation says is true: its blocks are run, its links lead somewhere."""
