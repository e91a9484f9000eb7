"""Architectures as torch modules: `operators` builds one node, `build` the whole graph, deterministically."""
