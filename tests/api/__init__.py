"""The API: what goes in and out over HTTP."""
