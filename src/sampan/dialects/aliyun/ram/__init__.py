"""Alibaba Cloud RAM over the service of identity."""
