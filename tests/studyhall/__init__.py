"""The ground floor: space, expressions, study, trial, errors."""
