"""What the open dialects share on the wire: keys that are sent along, JSON documents, server-sent events."""
