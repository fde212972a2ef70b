"""Layer 4, the edge: listeners, HTTP, the page, who may see what, and one browser each."""
