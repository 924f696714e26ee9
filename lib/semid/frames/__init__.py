"""DataFrame -> DataFrame: the Spark side of every step."""
