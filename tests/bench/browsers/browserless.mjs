// Microlink's `browserless`, as its manual shows it: one browser, a context for each render, PNG at the load event.
//
//     node browserless.mjs FOLDER EXECUTABLE
//
// FOLDER has it and puppeteer-core in node_modules. It answers lines of JSON as contender.py does.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, executablePath] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const puppeteer = require("puppeteer-core");
const browser = require("browserless")({ puppeteer, executablePath });
const say = (document) => console.log(JSON.stringify(document));

const render = async (url) => {
  const context = await browser.createContext();
  try {
    const viewport = { width: 1280, height: 720, deviceScaleFactor: 1 };
    return (await context.screenshot(url, { viewport, waitUntil: "load", adblock: false })).length;
  } finally {
    await context.destroyContext();
  }
};

say({});
for await (const line of createInterface({ input: process.stdin })) {
  const { urls, clients } = JSON.parse(line);
  const started = performance.now();
  const waiting = urls.values();
  const sizes = [];
  const client = async () => {
    for (const url of waiting) sizes.push(await render(url));
  };
  await Promise.all(Array.from({ length: clients }, client));
  say({ seconds: (performance.now() - started) / 1000, sizes });
}
await browser.close();
