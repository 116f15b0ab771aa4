"""What can be asked of a PDF, one module for each group; all of it together is `PdfDocument`."""
