"""What the products of AWS share on the wire: signatures, bodies and dates."""
