"""Taking away what lies over a page: consent banners and popups."""
