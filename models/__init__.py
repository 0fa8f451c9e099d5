"""What answers one request: arrays in, ranked items out. No web, data frames, SQL, environment or clock."""
