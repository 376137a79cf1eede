"""The exit codes of all commands; 0 is success."""

REFUSED = 1  # a wrong password, or a graph that differs
WRONG_USE = 2  # the person has to change something
FAILED = 3  # it failed, was interrupted, or could not do all
