"""The shell around every page, sign-in, home."""
