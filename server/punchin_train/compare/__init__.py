"""AIRGen's adapter against LoRA and prefix tuning: the same frozen base, data, steps and number of parameters."""
