"""The door of the API that OpenAI made, and that most model servers speak."""
