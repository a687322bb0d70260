"""IAM: users, groups, roles and policies of the identity service in Amazon's words."""
