"""The dialects of AWS."""
