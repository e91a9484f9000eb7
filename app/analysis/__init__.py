"""Numpy over a study's history: Pareto fronts, importance, partial dependence, convergence."""
