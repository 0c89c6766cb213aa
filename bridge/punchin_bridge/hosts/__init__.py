"""Hosts: what a DAW and the bridge tell each other, how it travels, and what the bridge does with it.

==================  =============================================================================
:mod:`.documents`   what is said, as structs that check themselves
==================  =============================================================================
"""
