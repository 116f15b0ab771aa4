"""Which addresses may be reached: hosts, networks, and the policy that judges them."""
