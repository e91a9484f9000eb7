"""What each command of `studyhall` does; `studyhall.cli` reads the line and calls one function of these modules."""
