"""Results that are kept: finding them, baselines, their history, and the sides of a comparison made of them."""
