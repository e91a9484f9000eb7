"""The command line, through its public door: `main([...])`, and real processes where only they can tell."""
