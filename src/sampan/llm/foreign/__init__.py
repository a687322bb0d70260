"""Models that the library's own decoder does not know, run by transformers' code under the same engine. Needs
transformers; nothing here is imported before such a model is opened."""
