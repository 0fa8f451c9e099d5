"""Events in, bundle out. Data frames and learning libraries live here; nothing here answers a request."""
