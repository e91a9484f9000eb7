"""Real processes on a real database: what no other test can show. Waits are bounded and end with an event."""
