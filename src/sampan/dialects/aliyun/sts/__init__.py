"""Alibaba Cloud STS over the service of identity."""
