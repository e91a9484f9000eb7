"""Other tools' studies: read from their files and databases, and written for them, without those tools installed.

What has no counterpart here is never dropped in silence: each reader answers notes that say what was lost.
"""
