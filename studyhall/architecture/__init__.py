"""Architectures: networks described by parameters. Declared as blocks, flattened, resolved, counted - without torch.

blocks      what a user writes: five block forms, and domains in the place of any attribute
operators   what a leaf may be: its attributes, the shapes it makes, what it weighs and costs
plan        blocks walked once: conditional parameters, and the tree that assignments are read by
resolving   an assignment to a directed graph of operators with shapes
graph       that graph: its canonical order, its hash, its counts
drawing     the graph as text
network     the graph layer by layer, for pictures
definition  `Architecture`: all of it behind one value
"""
