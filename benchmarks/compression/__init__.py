"""How small and fast a trained network becomes, and what that costs: `python -m benchmarks.compression`."""
