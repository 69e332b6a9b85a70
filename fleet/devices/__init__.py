"""Devices: enrolment, identity, presence, and what one shows of them."""
