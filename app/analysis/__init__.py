"""What a study's history says, as data: a question and its trials in, columns and facts out.

Pure functions over numpy arrays; no clock, no I/O. They run in a process of their own (`app.analyst`), because forests
take seconds and scikit-learn a hundred megabytes: the server imports `series` alone.

Every answer says how many trials it rests on, and when they are too few for its method it says how many it takes
instead of drawing noise. Everything random has a fixed seed: the same history gives the same answer.
"""
