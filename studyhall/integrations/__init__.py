"""Callbacks that report a training framework's metrics to a trial."""
