"""What a client can do, without a network: generators of steps (see `renderfleet.http.steps`)."""
