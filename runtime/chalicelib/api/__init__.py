"""POST /interaction: read the request, validate it, derive the ids, queue it, answer."""
