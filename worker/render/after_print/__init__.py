"""What is done to a PDF after Chromium has printed it: merged, stamped, labelled, protected."""
