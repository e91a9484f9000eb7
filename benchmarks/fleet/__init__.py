"""What a fleet costs and stands: `python -m benchmarks.fleet`, on one machine, with real servers and workers."""
