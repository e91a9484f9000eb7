"""How well engines find good networks in tables of trained ones: `python -m benchmarks.architectures`."""
