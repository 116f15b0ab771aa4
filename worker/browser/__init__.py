"""One Chromium: how it is started, its pages, and what is said to it over DevTools."""
