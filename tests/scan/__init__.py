"""`make scan`: scanners from outside, held to a list of findings that are accepted, each with its reason."""
