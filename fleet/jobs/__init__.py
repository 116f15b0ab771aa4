"""Jobs in Postgres, and a package for each larger thing that can happen to them."""
