"""Alibaba Cloud OSS over the service of objects."""
