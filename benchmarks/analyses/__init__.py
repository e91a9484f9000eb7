"""How long each analysis takes by the number of trials; see docs/analyses.md, "How long it takes"."""
