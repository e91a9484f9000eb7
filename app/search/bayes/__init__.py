"""The flagship engine: Bayesian optimisation with Gaussian processes that know conditions, categories and failures.

Why numpy and scipy: up to a thousand trials, plain LAPACK in float64 was 5 to 50 times faster than the torch libraries
we measured, in a third of the memory, with nothing to install. The price is our own gradients, which tests hold
against finite differences.

    kernel       how alike two points are taken to be, and what is believed of that before any result
    fitting      the kernels that results leave open
    gp           the posterior of a Gaussian process
    beliefs      what is modelled: objectives, outcome constraints, the chance to work at all
    acquisition  what a point is worth under those beliefs
    climb        where the acquisition is highest, in mixed spaces
    engine       the three together; the engine's `suggest`
"""
