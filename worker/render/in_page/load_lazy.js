// Has the document load its pictures and frames that wait to be scrolled to, and waits for the pictures, for
// `limitMs` at most. The answer: how many have not come.
async ({ limitMs }) => {
  const lazy = [...document.querySelectorAll("img[loading=lazy i], iframe[loading=lazy i]")];
  for (const element of lazy) element.loading = "eager";
  const missing = () => lazy.filter((element) => element.localName === "img" && !element.complete);
  const ended = (image) =>
    new Promise((resolve) => {
      for (const name of ["load", "error"]) image.addEventListener(name, resolve, { once: true });
    });
  const late = new Promise((resolve) => setTimeout(resolve, limitMs));
  if (missing().length) await Promise.race([Promise.all(missing().map(ended)), late]);
  return missing().length;
}
