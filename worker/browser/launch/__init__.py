"""Starting Chromium: its command line, its environment, its sandbox, its folder, Playwright's driver."""
