"""What IDs are for: retrieval, search, diversification, ranking features, cold start."""
