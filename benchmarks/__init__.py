"""Measurements of Studyhall against itself and others; each folder is one command and has a README."""
