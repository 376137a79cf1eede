"""POST /interaction: validate the request, derive the ids, queue, answer."""
