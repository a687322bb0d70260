"""HTTP in and out: choosing the dialect, identifying the caller, asking the guard, audit."""
