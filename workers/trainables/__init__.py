"""Built-in trainables: each a function of (parameters, trial context) that trains a real model."""
