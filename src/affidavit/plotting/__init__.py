"""What all charts have in common: their colours, and the rest of their looks."""
