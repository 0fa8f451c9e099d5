"""What was worked out for a shopper, remembered until the shopper acts: in this process, or in Redis for several."""
