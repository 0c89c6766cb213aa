// A browser that a test drives: one JSON object a line comes in, {call, args}; one goes out, {value} or {error}.
const { chromium } = require("playwright-core");
const readline = require("node:readline");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
];
const log = [];
let page;

const calls = {
  async open(address, options) {
    page = await (await (await launched).newContext({ viewport: { width: 1200, height: 760 }, ...options })).newPage();
    page.setDefaultTimeout(20000);
    page.on("console", (m) => {
      if (m.text().startsWith("Failed to load resource")) return; // what the bridge refused, which the page says itself
      if (["error", "warning"].includes(m.type())) log.push(`${m.type()}: ${m.text()}`);
    });
    page.on("pageerror", (e) => log.push(`error: ${e.message}`));
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (e) => window.violations.push(e.violatedDirective + " " + e.blockedURI));
    });
    await page.goto(address);
  },
  go: (address) => page.goto(address),
  address: () => page.url(),
  log: () => log,
  click: (where) => page.click(where),
  press: (key) => page.keyboard.press(key),
  type: (text) => page.keyboard.type(text),
  fill: (where, text) => page.fill(where, text),
  focus: (where) => page.focus(where),
  select: (where, value) => page.selectOption(where, value),
  files: (where, paths) => page.setInputFiles(where, paths),
  text: (where) => page.innerText(where),
  count: (where) => page.locator(where).count(),
  run: (code) => page.evaluate(/^(async *)?\(/.test(code) ? `(${code})()` : code),
  size: (width, height) => page.setViewportSize({ width, height }),
  picture: (path) => page.screenshot({ path }).then(() => null),
  async drag(where, from, to) {
    const box = await page.locator(where).boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(from));
    await page.mouse.down();
    for (let i = 1; i <= 8; i++) {
      await page.mouse.move(...at([from[0] + ((to[0] - from[0]) * i) / 8, from[1] + ((to[1] - from[1]) * i) / 8]));
    }
    await page.mouse.up();
  },
  async drop(where, name, base64) {
    const data = await page.evaluateHandle(
      ([name, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name));
        return transfer;
      },
      [name, base64],
    );
    await page.dispatchEvent(where, "drop", { dataTransfer: data });
  },
};

const launched = chromium.launch({ executablePath: process.argv[2], args: FLAGS });
const lines = readline.createInterface({ input: process.stdin });
(async () => {
  for await (const line of lines) {
    const { call, args } = JSON.parse(line);
    let said;
    try {
      said = { value: (await calls[call](...args)) ?? null };
    } catch (error) {
      said = { error: String(error.message ?? error) };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  await (await launched).close();
  process.exit(0);
})();
