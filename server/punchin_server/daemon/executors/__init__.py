"""Where seats are: what starts their workers, here or elsewhere."""
