"""Model packs: found, checked, and made of files that others published."""
