"""Other tools' studies, read and written; against the real Optuna where it is installed."""
