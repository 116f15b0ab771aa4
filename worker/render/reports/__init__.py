"""What is told of a render that did not go as wished, in words for the owner of its job."""
