// Whether nothing in the document can change by itself once it has loaded: then nobody has to watch it. Asked
// of every page, so that it looks for no more than what most pages without scripts lack.
() =>
  !document.querySelector("script, iframe, frame, video, canvas, [onload], [onerror], [loading=lazy i]") &&
  !document.getAnimations().length
