"""The decoder and its parts. One architecture, described by `sampan.llm.config.ModelConfig`."""
