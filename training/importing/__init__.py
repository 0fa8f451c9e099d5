"""Files and known data sets, line by line into the database: checked, counted, and the same a second time."""
