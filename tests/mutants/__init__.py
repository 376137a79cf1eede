"""`make mutants`: faults put in on purpose; the tests must notice each."""
