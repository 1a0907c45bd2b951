"""Results in the formats of others, one small module each: records in, text out, no file touched."""
