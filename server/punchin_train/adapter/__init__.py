"""Training of an AP-Adapter on anyone's own audio and captions, as published (arXiv 2407.16564, section 4)."""
