"""AudioLDM2, AudioMAE and AP-Adapter, in their published formats."""
