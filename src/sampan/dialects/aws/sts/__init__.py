"""STS: sessions of the identity service in Amazon's words."""
