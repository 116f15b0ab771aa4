"""The async client: the same methods as the blocking one, as coroutines. A test holds the two together."""
