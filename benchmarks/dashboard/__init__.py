"""How soon the dashboard shows a large study, what a tab weighs, what open tabs cost; see docs/dashboard.md."""
