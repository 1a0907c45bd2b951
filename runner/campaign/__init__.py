"""Campaigns: many cells, one after the other, that survive any kill and never do a finished cell again."""
