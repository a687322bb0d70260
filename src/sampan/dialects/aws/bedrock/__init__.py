"""Amazon Bedrock: models that answer (bedrock-runtime), and what is told of them (bedrock)."""
