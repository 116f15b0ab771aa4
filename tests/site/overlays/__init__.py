"""Pages with something over them: consent banners, popups, and dialogs that must stay."""
