"""Architectures: declared, flattened, told apart, counted, built and searched."""
