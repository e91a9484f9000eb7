"""What engines find, not how fast they answer: real and synthetic problems, paired seeds, peers beside us."""
