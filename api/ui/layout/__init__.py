"""What all pages of the dashboard share: the frame, the words for times and sizes, the theme."""
