"""OpenTelemetry traces: from the request that made a study to the steps of its trainings."""
