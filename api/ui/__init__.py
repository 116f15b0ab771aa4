"""The dashboard at `/ui`: pages for people who look at a fleet, in the process of the API."""
