"""A clip on another instrument or in another genre: AP-Adapter on AudioLDM2."""
