"""What matters only where a daemon is used from another computer: the keys by which computers know each other
(:mod:`.keys`), and audio in less room (:mod:`.lossless`)."""
