"""Benchmarks: Sampan beside its peers, measured by the same client in the same run."""
