"""The fleet: the claim loop, heartbeats, the trial's child process and its executors."""
