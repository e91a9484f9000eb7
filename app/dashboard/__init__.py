"""Static pages that use only the public REST API."""
