"""S3: the objects service in Amazon's words."""
