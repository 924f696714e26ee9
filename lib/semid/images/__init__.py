"""Items' images: where they are, what may be decoded, their vectors, and how those join the text's."""
