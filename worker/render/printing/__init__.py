"""How a page is printed: what Chromium is told of paper, margins, headers and footers."""
