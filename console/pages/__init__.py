"""The pages, one module each: what a page asks, and what its template gets."""
