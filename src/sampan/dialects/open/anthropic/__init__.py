"""Anthropic's Messages API (platform.claude.com/docs/en/api)."""
