"""Open models, answered fast on what you have: a library of its own that knows no cloud and no HTTP."""
