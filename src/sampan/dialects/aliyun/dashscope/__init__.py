"""Alibaba Cloud Model Studio's own API, DashScope (help.aliyun.com/zh/model-studio/, "API reference")."""
