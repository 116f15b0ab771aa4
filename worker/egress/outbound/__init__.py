"""The way to a target: judged, resolved, dialled, straight or through another proxy."""
