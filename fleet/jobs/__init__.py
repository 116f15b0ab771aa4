"""Jobs in Postgres, one file for each thing that happens to a job."""
