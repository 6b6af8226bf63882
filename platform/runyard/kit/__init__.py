"""What every page needs and no domain owns: tables, pages, publish-on-commit. Imports nothing above."""
