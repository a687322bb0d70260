"""What the dialects of Alibaba Cloud share on the wire: signatures, dates, bodies."""
