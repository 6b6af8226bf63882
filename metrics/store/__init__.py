"""The own store of samples: staged as they are scraped, folded into compressed chunks, read onto a grid."""
